{#- ties: rows of every single value, of whole columns or only of the bins still undecided

    reads    one column of one scan a branch; small inputs, and grids that do not fit, in full
    returns  scan, feature, window_id (the key of rows where each is a window or segment of its own),
             segment (only where some are put together), bin (the fine bin where some are asked for; of
             whole columns 0, or a code below 0 for rows without a finite number), value, n
-#}
{% from "macros.sql" import window_key, rows_of, keys_of, grouped_by, made_of, whole, union_of, placed_steps, undecided_bins with context -%}
{% set zero %}x - x{% endset -%}
{% set summing = columns | selectattr("scan.summed") | list -%}
{% set others = columns | rejectattr("scan.summed") | list -%}
{% macro valued(columns) -%}
{% call(column) union_of(columns) -%}
select
    {{ column.scan.id }} as scan,
    {{ column.feature }} as feature,
    {{ keys_of(column.scan, summing and others and not column.scan.summed) | indent(4) }},
    {%- if column.undecided %}
    cast(place as integer) + {{ slots }} as bin,
    {%- else %}
    case when place is null then {{ codes.null }} else place end as bin,
    {%- endif %}
    value,
    cast(count(*) as bigint) as n
from (
    select
        window_id,
        {%- if column.undecided %}
        {% call whole(column, column.slot_of_x) %}{{ column.slot_type }}{% endcall %} as place,
        x as value
        {%- else %}
        {% set place %}{% call made_of(column, zero) %}integer{% endcall %}{% endset -%}
        {{ place | indent(8) }} as place,
        {% if column.floating %}case when x - x = 0 then x end{% else %}x{% endif %} as value
        {%- endif %}
    from (
        select
            {{ window_key(column.scan) }} as window_id,
            {%- if column.half %}
            {{ column.half }} as half,
            {%- endif %}
            {{ column.stored }} as stored,
            {{ column.number }} as x
        {{ rows_of(column.scan) | indent(8) }}
    ) as numbers
) as valued
{%- if column.undecided %}
inner join (
    select cast(bin - {{ slots }} as {{ column.asked_type }}) as asked
    from {{ undecided_bins(column) }}
) as asking
    on asking.asked = {% if column.room %}valued.window_id * cast({{ column.room }} as {{ column.asked_type }}) + {% endif %}valued.place
{%- endif %}
group by {{ grouped_by(column.scan) }}place, value
{%- endcall %}
{%- endmacro -%}
{% if others -%}
{{ valued(others) }}
{%- endif %}
{%- if others and summing %}
union all
{% endif %}
{%- if summing -%}
select
    stepped.scan,
    stepped.feature,
    placed.window_id,
    placed.segment,
    stepped.bin,
    stepped.value,
    cast(sum(stepped.n) as bigint) as n
from (
{{ valued(summing) }}
) as stepped
inner join {{ placed_steps(stepped | selectattr("summed") | list) }}
    on placed.scan = stepped.scan and placed.step = stepped.window_id
group by
    stepped.scan, stepped.feature, placed.window_id, placed.segment, stepped.bin, stepped.value
{%- endif %}
