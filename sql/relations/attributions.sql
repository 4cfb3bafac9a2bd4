{#- attributions: how many attributions each column has, and what their absolute values sum to

    Sums are of whole numbers (|x| times a power of two, cut as the engine cuts them), so they are the same
    in any order of rows. Null, NaN and infinities are left out.

    reads    every scan whose importances are asked for, its clock and the columns with attributions
    returns  scan, window_id, segment; then for each column: count_0; total_0 = sum of |x| * scale; …
-#}
{% from "macros.sql" import window_key, rows_of, placed_steps, whole with context -%}
{% for scan in scans -%}
select
    {{ scan.id }} as scan,
    {% if scan.placed %}placed.{% endif %}window_id,
    {% if scan.placed %}placed.segment{% else %}'__all__' as segment{% endif %}
    {%- for column in scan.columns %},
    {%- set summed %}{% call whole(column, column.name) %}bigint{% endcall %}{% endset %}
    cast(count({{ summed }}) as bigint) as count_{{ loop.index0 }},
    cast(sum({{ summed }}) as double) as total_{{ loop.index0 }}
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
