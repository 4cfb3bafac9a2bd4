{#- custom: aggregates that the project file asks for, over the rows of each window

    reads    every scan that one is asked of, its clock and the columns that they name
    returns  scan, window_id, segment, row_count; then one value an aggregate: value_0, value_1, …; null
             where the scan lacks a column of it
-#}
{% from "macros.sql" import rows_of, key_of, window_of, put_to_windows, by_window with context -%}
{% for part in parts -%}
{% set scan = part.scan -%}
select
    {{ scan.id }} as scan,
    {{ window_of(scan) | indent(4) }},
    cast(count(*) as bigint) as row_count
    {%- for value in part.values %},
    cast({{ value }} as double) as value_{{ loop.index0 }}
    {%- endfor %}
from (
    select
        {{ key_of(scan) }}
        {%- for column in part.columns %},
        {{ column }} as column_{{ loop.index0 }}
        {%- endfor %}
    {{ rows_of(scan) | indent(4) }}
) as {{ scan.name }}{{ put_to_windows(scan) }}
group by {{ by_window(scan) }}
{% if not loop.last %}
union all
{% endif -%}
{% endfor %}
