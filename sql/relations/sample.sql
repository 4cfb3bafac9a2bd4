{#- sample: quantiles of a sample of the reference; they place the grid, which decides speed only

    The sample is drawn once for all columns of the reference itself; joined rows, which come in any
    order, are thinned by value.

    reads    the primary reference, its columns in one scan; joined rows one column a branch
    returns  feature, then quantile_0, quantile_1, … of the sampled finite values; none where there are none
-#}
{% from "macros.sql" import rows_of, union_of with context -%}
{% if drawn -%}
with drawn as (
    select
        {%- for column in drawn %}
        {{ column }} as value_{{ loop.index0 }}{% if not loop.last %},{% endif %}
        {%- endfor %}
    {{ rows_of(scan) | indent(4) }}
)
{% endif -%}
select
    feature
    {%- for share in shares %},
    max(case when place <= {{ share }} then x end) as quantile_{{ loop.index0 }}
    {%- endfor %}
from (
    select
        feature,
        x,
        percent_rank() over (partition by feature order by x) as place
    from (
{% call(column) union_of(columns) -%}
select
    {{ column.feature }} as feature,
    x
from (
    select {{ column.number }} as x
    {{ rows_of(column.scan) | indent(4) }}
) as sampled
where x - x = 0{% if column.thinned %} and {{ column.thinned }}{% endif %}
{%- endcall %}
    ) as finite
) as placed
group by feature
