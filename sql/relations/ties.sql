{#- ties: rows of every single value, of whole columns or only of the bins still undecided

    reads    one column of one scan a branch; small inputs, and grids that do not fit, in full
    returns  scan, feature, window_id, segment, bin (the fine bin where some are asked for; of whole
             columns 0, or a code below 0 for rows without a finite number), value, n
-#}
{% from "macros.sql" import window_key, rows_of, unless_finite, union_of, placed_steps with context -%}
{% if stepped -%}
select
    stepped.scan,
    stepped.feature,
    placed.window_id,
    stepped.segment,
    stepped.bin,
    stepped.value,
    cast(sum(stepped.n) as bigint) as n
from (
{% endif -%}
{% call(column) union_of(columns) -%}
select
    {{ column.scan.id }} as scan,
    {{ column.feature }} as feature,
    window_id,
    segment,
    bin,
    value,
    cast(count(*) as bigint) as n
from (
    select
        window_id,
        segment,
        {%- if column.undecided %}
        cast(bin as integer) as bin,
        x as value
        {%- else %}
        cast(case
            when x - x = 0 then 0
            {{ unless_finite(column) }}
        end as integer) as bin,
        case when x - x = 0 then x end as value
        {%- endif %}
    from (
        {%- if column.undecided %}
        select
            window_id,
            segment,
            x,
            case when x - x = 0 then {{ column.bin_of_x }} end as bin
        from (
            select
                {{ window_key(column.scan) }} as window_id,
                '__all__' as segment,
                {{ column.number }} as x
            {{ rows_of(column.scan) | indent(12) }}
        ) as placed
        {%- else %}
        select
            {{ window_key(column.scan) }} as window_id,
            '__all__' as segment,
            {{ column.stored }} as stored,
            {{ column.number }} as x
        {{ rows_of(column.scan) | indent(8) }}
        {%- endif %}
    ) as numbers
    {%- if column.undecided %}
    where bin in (
        {%- for bin in column.undecided %}{{ bin }}{% if not loop.last %}, {% endif %}{% endfor -%}
    )
    {%- endif %}
) as valued
group by window_id, segment, bin, value
{%- endcall %}
{%- if stepped %}
) as stepped
inner join {{ placed_steps(stepped) }}
    on placed.scan = stepped.scan and placed.step = stepped.window_id
group by
    stepped.scan, stepped.feature, placed.window_id, stepped.segment, stepped.bin, stepped.value
{%- endif %}
