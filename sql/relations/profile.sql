{#- profile: rows of each window, and the rows, or distinct values, of expressions that are not null

    reads    every scan, its clock and the given columns
    returns  scan, window_id, segment, row_count, then one count an expression: count_0, count_1, …
-#}
{% from "macros.sql" import window_key, rows_of, placed_steps with context -%}
{% for scan in scans -%}
select
    {{ scan.id }} as scan,
    {% if scan.placed %}placed.{% endif %}window_id,
    {% if scan.placed %}placed.segment{% else %}'__all__' as segment{% endif %},
    cast(count(*) as bigint) as row_count
    {%- for column in scan.columns %},
    cast(count({% if column.distinct %}distinct {% endif %}value_{{ loop.index0 }}) as bigint) as count_{{ loop.index0 }}
    {%- endfor %}
from (
    select
        {{ window_key(scan) }} as {% if scan.placed %}step{% else %}window_id{% endif %}
        {%- for column in scan.columns %},
        {{ column.value }} as value_{{ loop.index0 }}
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
