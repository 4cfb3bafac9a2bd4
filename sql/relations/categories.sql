{#- categories: rows of every category of a column, known and new, cut to the largest

    Known are the values of the primary reference's rows, up to the given number by count, ties by
    value; the rest of its values is one row of kind 'other'. New are values it never had: the
    largest a scan by name, the rest one row. Values are grouped as they are stored, which engines do
    best; only distinct ones are then told apart. What is counted of all columns is ranked at once: a
    chain of steps a column takes longer to plan than to run.

    reads    one column of every scan a branch
    returns  scan, feature, window_id, segment, kind ('category', 'other', 'new', 'null', 'nan',
             'type_error'), value, n, distinct_count, once = values seen in one row only, allowed =
             rows of the values given in the project file, null where none are
-#}
{% from "macros.sql" import window_key, rows_of, keys_of, grouped_by, union_of, placed_steps with context -%}
with
counted as (
{% call(column) union_of(columns) -%}
{%- for side in column.sides %}
{%- if side.counted is not none %}
select
    {{ side.scan.id }} as scan,
    {{ column.feature }} as feature,
    0 as window_id,
    '__all__' as segment,
    category,
    fault,
    cast(n as bigint) as n
from (values {% for value, fault, n in side.counted or [(none, none, 0)] %}({% if value is none %}cast(null as varchar){% else %}{{ value }}{% endif %}, {% if fault is none %}cast(null as varchar){% else %}{{ fault }}{% endif %}, {{ n }}){% if not loop.last %}, {% endif %}{% endfor %}) as known(category, fault, n)
where n > 0
{%- else %}
select
    {{ side.scan.id }} as scan,
    {{ column.feature }} as feature,
    {{ keys_of(side.scan) | indent(4) }},
    category,
    fault,
    cast(sum(n) as bigint) as n
from (
    select
        {{ grouped_by(side.scan) }}{{ side.category }} as category,
        case
            when {{ side.told }} is null then 'null'
            when {{ side.present }} is null then 'nan'
            when {{ side.category }} is null then 'type_error'
        end as fault,
        n
    from (
        select
            {{ grouped_by(side.scan) }}{{ side.told }},
            count(*) as n
        from (
            select
                {{ window_key(side.scan) }} as window_id,
                {{ side.stored }} as {{ side.told }}
            {{ rows_of(side.scan) | indent(12) }}
        ) as texts
        group by {{ grouped_by(side.scan) }}{{ side.told }}
    ) as stored_values
) as checked
group by {{ grouped_by(side.scan) }}category, fault
{%- endif %}
{%- if not loop.last %}
union all
{%- endif %}
{%- endfor %}
{%- endcall %}
),
{%- if stepped %}
spread as (
    select
        counted.scan,
        counted.feature,
        placed.window_id,
        placed.segment,
        counted.category,
        counted.fault,
        cast(sum(counted.n) as bigint) as n
    from counted
    inner join {{ placed_steps(stepped) }}
        on placed.scan = counted.scan and placed.step = counted.window_id
    group by
        counted.scan, counted.feature, placed.window_id, placed.segment, counted.category,
        counted.fault
),
{%- endif %}
matched as (
    select
        scan,
        feature,
        window_id,
        segment,
        category,
        fault,
        n,
        sum(case when scan = {{ primary }} and fault is null then n end) over (
            partition by feature, category
        ) as n_known
    from {% if stepped %}spread{% else %}counted{% endif %}
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
            ) <= {{ most }} then 'category'
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
            when kind = 'new' and position <= {{ most_new }} then category
        end as value,
        {%- if limited %}
        case feature
            {%- for column in limited %}
            when {{ column.feature }} then case when category in (
                {%- for value in column.allowed %}{{ value }}{% if not loop.last %}, {% endif %}{% endfor -%}
            ) then n else 0 end
            {%- endfor %}
        end as n_allowed,
        {%- endif %}
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
    cast({% if limited %}sum(n_allowed){% else %}null{% endif %} as bigint) as allowed
from named
group by scan, feature, window_id, segment, kind, value
