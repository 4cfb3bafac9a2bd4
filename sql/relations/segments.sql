{#- segments: how many rows each segment has, by which the largest are kept apart

    What a row is told apart by is a text, '__null__' of null; of a condition there is none, and all rows
    for which it holds are counted. Of very many values the largest of each step are told.

    reads    every scan that is told apart, its clock and the columns that tell
    returns  scan, window_id (a step of the scan's windows), key_0, key_1, …, n
-#}
{% from "macros.sql" import step_key, rows_of with context -%}
{% for scan in scans -%}
select
    {{ scan.id }} as scan,
    window_id,
    {%- for k in range(width) %}
    {% if k < scan.columns | length %}key_{{ k }}{% else %}cast(null as varchar){% endif %} as key_{{ k }},
    {%- endfor %}
    n
from (
    select
        window_id,
        {%- for _ in scan.columns %}
        key_{{ loop.index0 }},
        {%- endfor %}
        n,
        row_number() over (
            partition by window_id
            order by n desc
            {%- for _ in scan.columns %}, key_{{ loop.index0 }}{% endfor %}
        ) as place
    from (
        select
            window_id,
            {%- for _ in scan.columns %}
            key_{{ loop.index0 }},
            {%- endfor %}
            cast(count(*) as bigint) as n
        from (
            select
                {{ step_key(scan) }} as window_id
                {%- for key in scan.columns %},
                {{ key }} as key_{{ loop.index0 }}
                {%- endfor %}
            {{ rows_of(scan) | indent(12) }}
        ) as {{ scan.name }}
        group by window_id{% for _ in scan.columns %}, key_{{ loop.index0 }}{% endfor %}
    ) as counted
) as ranked
where place <= {{ most }}
{% if not loop.last %}
union all
{% endif -%}
{% endfor %}
