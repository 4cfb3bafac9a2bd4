-- number_categories: whole numbers with few distinct values, told as categories
--
-- reads    number_values, scans, features, values_given, categories (whole
--          numbers that no double holds are there already, counted as text)
-- returns  the columns of the relation categories: values the primary reference has, the largest by
--          name and the rest as other; then new ones, the largest a scan by name and the rest in one
--          row
with

labelled as (
    select
        number_values.scan,
        number_values.feature,
        number_values.window_id,
        number_values.segment,
        number_values.n,
        features.most_categories,
        features.most_new,
        features.has_values,
        case
            when x = floor(x) and abs(x) < 1e38 then x::hugeint::varchar
            else x::varchar
        end as label,
        sum(case when scans.is_primary then number_values.n end) over (
            partition by number_values.feature, number_values.x
        ) as n_known
    from number_values
    inner join scans on scans.scan = number_values.scan
    inner join features on features.feature = number_values.feature
    anti join categories on categories.feature = number_values.feature
    where features.feature_type = 'categorical'
),

placed as (
    select
        *,
        case
            when n_known is null then 'new'
            when dense_rank() over (
                partition by feature
                order by n_known desc nulls last, label
            ) <= most_categories then 'category'
            else 'other'
        end as kind
    from labelled
),

ranked as (
    select
        *,
        row_number() over (
            partition by scan, feature, window_id, segment, kind
            order by n desc, label
        ) as position
    from placed
),

named as (
    select
        *,
        case when kind = 'category' or (kind = 'new' and position <= most_new) then label end as value
    from ranked
)

select
    scan,
    named.feature,
    window_id,
    segment,
    kind,
    named.value,
    sum(n)::bigint as n,
    count(*) as distinct_count,
    sum(case when n = 1 then 1 else 0 end)::bigint as once,
    case when bool_or(has_values) then
        sum(case when values_given.value is not null then n else 0 end)
    end::bigint as allowed
from named
left join values_given
    on values_given.feature = named.feature and values_given.value = named.label
group by scan, named.feature, window_id, segment, kind, named.value
