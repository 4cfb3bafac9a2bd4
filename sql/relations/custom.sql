{#- custom: aggregates that the project file asks for, over the rows of each window

    reads    every scan that one is asked of, its clock and the columns that they name
    returns  scan, window_id, segment, row_count; then one value an aggregate: value_0, value_1, …; null
             where the scan lacks a column of it
-#}
{% from "macros.sql" import window_key, rows_of, placed_steps with context -%}
{% for part in parts -%}
{% set scan = part.scan -%}
select
    {{ scan.id }} as scan,
    {% if scan.placed %}placed.{% endif %}window_id,
    {% if scan.placed %}placed.segment{% else %}'__all__' as segment{% endif %},
    cast(count(*) as bigint) as row_count
    {%- for value in part.values %},
    cast({{ value }} as double) as value_{{ loop.index0 }}
    {%- endfor %}
from (
    select
        {{ window_key(scan) }} as {% if scan.placed %}step{% else %}window_id{% endif %}
        {%- for column in part.columns %},
        {{ column }} as column_{{ loop.index0 }}
        {%- endfor %}
    {{ rows_of(scan) | indent(4) }}
) as {{ scan.name }}
{%- if scan.placed %}
inner join {{ placed_steps([scan]) }}
    on placed.step = {{ scan.name }}.step
{%- endif %}
group by {% if scan.placed %}placed.window_id, placed.segment{% else %}window_id{% endif %}
{% if not loop.last %}
union all
{% endif -%}
{% endfor %}
