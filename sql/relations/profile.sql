{#- profile: rows of each window, and the rows, or distinct values, of expressions that are not null

    reads    every scan, its clock and the given columns
    returns  scan, window_id, segment, row_count, then one count an expression: count_0, count_1, …
-#}
{% from "macros.sql" import rows_of, key_of, window_of, put_to_windows, by_window with context -%}
{% for scan in scans -%}
select
    {{ scan.id }} as scan,
    {{ window_of(scan) | indent(4) }},
    cast(count(*) as bigint) as row_count
    {%- for column in scan.columns %},
    cast(count({% if column.distinct %}distinct {% endif %}value_{{ loop.index0 }}) as bigint) as count_{{ loop.index0 }}
    {%- endfor %}
from (
    select
        {{ key_of(scan) }}
        {%- for column in scan.columns %},
        {{ column.value }} as value_{{ loop.index0 }}
        {%- endfor %}
    {{ rows_of(scan) | indent(4) }}
) as {{ scan.name }}{{ put_to_windows(scan) }}
group by {{ by_window(scan) }}
{% if not loop.last %}
union all
{% endif -%}
{% endfor %}
