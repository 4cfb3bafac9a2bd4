/* driftline monitor=everything step=categories */
with
counted as (
select
    0 as scan,
    4 as feature,
    0 as window_id,
    '__all__' as segment,
    category,
    fault,
    cast(sum(n) as bigint) as n
from (
    select
        cast("stored" as varchar) as category,
        case
            when "stored" is null then 'null'
            when "stored" is null then 'nan'
            when cast("stored" as varchar) is null then 'type_error'
        end as fault,
        n
    from (
        select
            "stored",
            count(*) as n
        from (
            select
                0 as window_id,
                "country" as "stored"
            from "ml"."sco""red"
            where ("scored_at" >= cast('2026-02-23 00:00:00' as timestamp) and "scored_at" < cast('2026-03-02 00:00:00' as timestamp))
                and (amount >= 1 AND country <> 'test')
        ) as texts
        group by "stored"
    ) as stored_values
) as checked
group by category, fault
union all
select
    1 as scan,
    4 as feature,
    0 as window_id,
    '__all__' as segment,
    category,
    fault,
    cast(sum(n) as bigint) as n
from (
    select
        cast("stored" as varchar) as category,
        case
            when "stored" is null then 'null'
            when "stored" is null then 'nan'
            when cast("stored" as varchar) is null then 'type_error'
        end as fault,
        n
    from (
        select
            "stored",
            count(*) as n
        from (
            select
                0 as window_id,
                "country" as "stored"
            from "ml"."training"
            where ("scored_at" >= cast('2026-01-01 00:00:00' as timestamp) and "scored_at" < cast('2026-02-01 00:00:00' as timestamp))
        ) as texts
        group by "stored"
    ) as stored_values
) as checked
group by category, fault
union all
select
    0 as scan,
    5 as feature,
    0 as window_id,
    '__all__' as segment,
    category,
    fault,
    cast(sum(n) as bigint) as n
from (
    select
        case when "stored" then 'true' when not "stored" then 'false' end as category,
        case
            when "stored" is null then 'null'
            when "stored" is null then 'nan'
            when case when "stored" then 'true' when not "stored" then 'false' end is null then 'type_error'
        end as fault,
        n
    from (
        select
            "stored",
            count(*) as n
        from (
            select
                0 as window_id,
                "member" as "stored"
            from "ml"."sco""red"
            where ("scored_at" >= cast('2026-02-23 00:00:00' as timestamp) and "scored_at" < cast('2026-03-02 00:00:00' as timestamp))
                and (amount >= 1 AND country <> 'test')
        ) as texts
        group by "stored"
    ) as stored_values
) as checked
group by category, fault
union all
select
    1 as scan,
    5 as feature,
    0 as window_id,
    '__all__' as segment,
    category,
    fault,
    cast(sum(n) as bigint) as n
from (
    select
        case when "stored" then 'true' when not "stored" then 'false' end as category,
        case
            when "stored" is null then 'null'
            when "stored" is null then 'nan'
            when case when "stored" then 'true' when not "stored" then 'false' end is null then 'type_error'
        end as fault,
        n
    from (
        select
            "stored",
            count(*) as n
        from (
            select
                0 as window_id,
                "member" as "stored"
            from "ml"."training"
            where ("scored_at" >= cast('2026-01-01 00:00:00' as timestamp) and "scored_at" < cast('2026-02-01 00:00:00' as timestamp))
        ) as texts
        group by "stored"
    ) as stored_values
) as checked
group by category, fault
union all
select
    0 as scan,
    6 as feature,
    0 as window_id,
    '__all__' as segment,
    category,
    fault,
    cast(sum(n) as bigint) as n
from (
    select
        cast("stored" as varchar) as category,
        case
            when "stored" is null then 'null'
            when "stored" is null then 'nan'
            when cast("stored" as varchar) is null then 'type_error'
        end as fault,
        n
    from (
        select
            "stored",
            count(*) as n
        from (
            select
                0 as window_id,
                "grade" as "stored"
            from "ml"."sco""red"
            where ("scored_at" >= cast('2026-02-23 00:00:00' as timestamp) and "scored_at" < cast('2026-03-02 00:00:00' as timestamp))
                and (amount >= 1 AND country <> 'test')
        ) as texts
        group by "stored"
    ) as stored_values
) as checked
group by category, fault
union all
select
    1 as scan,
    6 as feature,
    0 as window_id,
    '__all__' as segment,
    category,
    fault,
    cast(sum(n) as bigint) as n
from (
    select
        cast("stored" as varchar) as category,
        case
            when "stored" is null then 'null'
            when "stored" is null then 'nan'
            when cast("stored" as varchar) is null then 'type_error'
        end as fault,
        n
    from (
        select
            "stored",
            count(*) as n
        from (
            select
                0 as window_id,
                "grade" as "stored"
            from "ml"."training"
            where ("scored_at" >= cast('2026-01-01 00:00:00' as timestamp) and "scored_at" < cast('2026-02-01 00:00:00' as timestamp))
        ) as texts
        group by "stored"
    ) as stored_values
) as checked
group by category, fault
union all
select
    0 as scan,
    8 as feature,
    0 as window_id,
    '__all__' as segment,
    category,
    fault,
    cast(sum(n) as bigint) as n
from (
    select
        cast("stored" as varchar) as category,
        case
            when "stored" is null then 'null'
            when "stored" is null then 'nan'
            when cast("stored" as varchar) is null then 'type_error'
        end as fault,
        n
    from (
        select
            "stored",
            count(*) as n
        from (
            select
                0 as window_id,
                "it's ""odd""; drop" as "stored"
            from "ml"."sco""red"
            where ("scored_at" >= cast('2026-02-23 00:00:00' as timestamp) and "scored_at" < cast('2026-03-02 00:00:00' as timestamp))
                and (amount >= 1 AND country <> 'test')
        ) as texts
        group by "stored"
    ) as stored_values
) as checked
group by category, fault
union all
select
    1 as scan,
    8 as feature,
    0 as window_id,
    '__all__' as segment,
    category,
    fault,
    cast(sum(n) as bigint) as n
from (
    select
        cast("stored" as varchar) as category,
        case
            when "stored" is null then 'null'
            when "stored" is null then 'nan'
            when cast("stored" as varchar) is null then 'type_error'
        end as fault,
        n
    from (
        select
            "stored",
            count(*) as n
        from (
            select
                0 as window_id,
                "it's ""odd""; drop" as "stored"
            from "ml"."training"
            where ("scored_at" >= cast('2026-01-01 00:00:00' as timestamp) and "scored_at" < cast('2026-02-01 00:00:00' as timestamp))
        ) as texts
        group by "stored"
    ) as stored_values
) as checked
group by category, fault
union all
select
    0 as scan,
    9 as feature,
    0 as window_id,
    '__all__' as segment,
    category,
    fault,
    cast(sum(n) as bigint) as n
from (
    select
        case when "stored" then 'true' when not "stored" then 'false' end as category,
        case
            when "stored" is null then 'null'
            when "stored" is null then 'nan'
            when case when "stored" then 'true' when not "stored" then 'false' end is null then 'type_error'
        end as fault,
        n
    from (
        select
            "stored",
            count(*) as n
        from (
            select
                0 as window_id,
                "churned" as "stored"
            from driftline_joined_0
        ) as texts
        group by "stored"
    ) as stored_values
) as checked
group by category, fault
union all
select
    1 as scan,
    9 as feature,
    0 as window_id,
    '__all__' as segment,
    category,
    fault,
    cast(sum(n) as bigint) as n
from (
    select
        case when "stored" then 'true' when not "stored" then 'false' end as category,
        case
            when "stored" is null then 'null'
            when "stored" is null then 'nan'
            when case when "stored" then 'true' when not "stored" then 'false' end is null then 'type_error'
        end as fault,
        n
    from (
        select
            "stored",
            count(*) as n
        from (
            select
                0 as window_id,
                "churned" as "stored"
            from driftline_joined_1
        ) as texts
        group by "stored"
    ) as stored_values
) as checked
group by category, fault
union all
select
    0 as scan,
    10 as feature,
    0 as window_id,
    '__all__' as segment,
    category,
    fault,
    cast(sum(n) as bigint) as n
from (
    select
        cast("stored" as varchar) as category,
        case
            when "stored" is null then 'null'
            when "stored" is null then 'nan'
            when cast("stored" as varchar) is null then 'type_error'
        end as fault,
        n
    from (
        select
            "stored",
            count(*) as n
        from (
            select
                0 as window_id,
                "tar""iff" as "stored"
            from driftline_joined_0
        ) as texts
        group by "stored"
    ) as stored_values
) as checked
group by category, fault
union all
select
    1 as scan,
    10 as feature,
    0 as window_id,
    '__all__' as segment,
    category,
    fault,
    cast(sum(n) as bigint) as n
from (
    select
        cast("stored" as varchar) as category,
        case
            when "stored" is null then 'null'
            when "stored" is null then 'nan'
            when cast("stored" as varchar) is null then 'type_error'
        end as fault,
        n
    from (
        select
            "stored",
            count(*) as n
        from (
            select
                0 as window_id,
                "tar""iff" as "stored"
            from driftline_joined_1
        ) as texts
        group by "stored"
    ) as stored_values
) as checked
group by category, fault
),
matched as (
    select
        scan,
        feature,
        window_id,
        segment,
        category,
        fault,
        n,
        sum(case when scan = 1 and fault is null then n end) over (
            partition by feature, category
        ) as n_known
    from counted
),
placed_values as (
    select
        scan,
        feature,
        window_id,
        segment,
        category,
        n,
        case
            when fault is not null then fault
            when n_known is null then 'new'
            when dense_rank() over (
                partition by feature
                order by case when n_known is null then 1 else 0 end, n_known desc, category
            ) <= 1000 then 'category'
            else 'other'
        end as kind
    from matched
),
ranked as (
    select
        scan,
        feature,
        window_id,
        segment,
        category,
        n,
        kind,
        row_number() over (
            partition by feature, scan, window_id, segment, kind
            order by n desc, category
        ) as position
    from placed_values
),
named as (
    select
        scan,
        feature,
        window_id,
        segment,
        kind,
        case
            when kind = 'category' then category
            when kind = 'new' and position <= 10 then category
        end as value,
        n
    from ranked
)
select
    scan,
    feature,
    window_id,
    segment,
    kind,
    value,
    cast(sum(n) as bigint) as n,
    cast(count(*) as bigint) as distinct_count,
    cast(sum(case when n = 1 then 1 else 0 end) as bigint) as once,
    cast(null as bigint) as allowed
from named
group by scan, feature, window_id, segment, kind, value
