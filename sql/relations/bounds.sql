{#- bounds: the smallest and largest value of each number column of a scan, in one row a scan

    reads    every scan; without its filter and window where the warehouse keeps column statistics
    returns  scan, then low_0, high_0, low_1, …: not finite where the column holds NaN or infinities
-#}
{% from "macros.sql" import rows_of with context -%}
{% for scan in scans -%}
select
    {{ scan.id }} as scan
    {%- for column in scan.columns %},
    cast(min({{ column }}) as double) as low_{{ loop.index0 }},
    cast(max({{ column }}) as double) as high_{{ loop.index0 }}
    {%- endfor %}
{% if scan.unfiltered %}from {{ scan.table }}{% else %}{{ rows_of(scan) }}{% endif %}
{% if not loop.last %}
union all
{% endif -%}
{% endfor %}
