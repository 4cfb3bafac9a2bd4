{#- sample: quantiles of a sample of the reference; they place the grid, which decides speed only

    reads    the primary reference, one column a branch
    returns  feature, then quantile_0, quantile_1, … of the sampled finite values
-#}
{% from "macros.sql" import rows_of, union_of with context -%}
{% call(column) union_of(columns) -%}
select
    {{ column.feature }} as feature
    {%- for share in shares %},
    max(case when place <= {{ share }} then x end) as quantile_{{ loop.index0 }}
    {%- endfor %}
from (
    select
        x,
        percent_rank() over (order by x) as place
    from (
        select {{ column.number }} as x
        {{ rows_of(column.scan) | indent(8) }}
    ) as sampled
    where x - x = 0{% if column.thinned %} and {{ column.thinned }}{% endif %}

) as ranked
{%- endcall %}
