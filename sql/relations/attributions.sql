{#- attributions: how many attributions each column has, and what their absolute values sum to

    Sums are of whole numbers (|x| times a power of two, cut as the engine cuts them), so they are the same
    in any order of rows. Null, NaN and infinities are left out.

    reads    every scan whose importances are asked for, its clock and the columns with attributions
    returns  scan, window_id, segment; then for each column: count_0; total_0 = sum of |x| * scale; …
-#}
{% from "macros.sql" import rows_of, whole, key_of, window_of, put_to_windows, by_window with context -%}
{% for scan in scans -%}
select
    {{ scan.id }} as scan,
    {{ window_of(scan) | indent(4) }}
    {%- for column in scan.columns %},
    {%- set summed %}{% call whole(column, column.name) %}bigint{% endcall %}{% endset %}
    cast(count({{ summed }}) as bigint) as count_{{ loop.index0 }},
    cast(sum({{ summed }}) as double) as total_{{ loop.index0 }}
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
