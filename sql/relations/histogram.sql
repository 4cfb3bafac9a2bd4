{#- histogram: rows, sums and range of every bin of a fine grid, per number column

    The grid is bin = floor((g + 1) * half), g = t / (width + |t|), t = x - centre: it holds every
    real number, follows heavy tails, and is plain arithmetic in every dialect. It need not be exactly
    monotone: the bins bring their ranges, and the order is checked on them. Whole-number columns of a
    short range take bin = x - centre + origin. Bins that are still undecided are counted once more in
    finer ones, of a power of two as many: those are cut from whole bins. Sums are of whole numbers (t times a power of two, cut as
    the engine cuts them), so they are the same in any order of rows; a bin of a whole number tells its own.

    reads    one column of one scan a branch
    returns  scan, feature, window_id (the key of rows where each is a window or segment of its own; not
             where rows are to be narrow), segment (only where some are put together), bin (a code
             below 0 for rows without a finite number),
             n, total = sum of t * total_scale, squares = sum of t^2 * square_scale,
             low, high
-#}
{% from "macros.sql" import window_key, rows_of, keys_of, grouped_by, made_of, whole, union_of, placed_steps, undecided_bins with context -%}
{% set summing = columns | selectattr("scan.summed") | list -%}
{% set others = columns | rejectattr("scan.summed") | list -%}
{% macro binned(columns) -%}
{% call(column) union_of(columns) -%}
{% set summed = column.scan.summed -%}
select
    {% if terse %}cast({{ column.scan.id }} as smallint){% else %}{{ column.scan.id }}{% endif %} as scan,
    {{ column.feature }} as feature,
    {%- if not terse %}
    {{ keys_of(column.scan, summing and others and not summed) | indent(4) }},
    {%- endif %}
    case when slot is null then {{ codes.null }} else cast(slot as integer) + {{ slots }} end as bin,
    cast(count(*) as {{ column.count_type }}) as n,
    {%- if column.grid.width is none %}
    cast(null as {% if summed %}bigint{% else %}double{% endif %}) as total,
    cast(null as {% if summed %}bigint{% else %}double{% endif %}) as squares,
    cast(slot as double) + {{ column.grid.first }} as low,
    cast(slot as double) + {{ column.grid.first }} as high
    {%- else %}
    {% if not summed %}cast({% endif %}sum({% call whole(column, column.total) %}bigint{% endcall %}){% if not summed %} as double){% endif %} as total,
    {% if not summed %}cast({% endif %}sum({% call whole(column, column.square) %}bigint{% endcall %}){% if not summed %} as double){% endif %} as squares,
    min(x) as low,
    max(x) as high
    {%- endif %}
from (
    select
        window_id,
        x,
        t,
        {% set slot -%}
        {% if column.undecided %}cast({{ column.slot }} as integer){% else %}{% call made_of(column, column.slot, -slots) %}{{ column.slot_type }}{% endcall %}{% endif %}
        {%- endset -%}
        {{ slot | indent(8) }} as slot
    from (
        select
            window_id,
            {%- if column.half %}
            half,
            {%- endif %}
            stored,
            x,
            {{ column.distance }} as t
        from (
            select
                {{ window_key(column.scan) }} as window_id,
                {%- if column.half %}
                {{ column.half }} as half,
                {%- endif %}
                {{ column.stored }} as stored,
                {{ column.number }} as x
            {{ rows_of(column.scan) | indent(12) }}
        ) as numbers
    ) as centred
    {%- if column.undecided %}
    inner join (
        select cast(bin - {{ slots }} as {{ column.asked_type }}) as asked
        from {{ undecided_bins(column) }}
    ) as asking
        on asking.asked = {% if column.room %}centred.window_id * cast({{ column.room }} as {{ column.asked_type }}) + {% endif %}{% call whole(column, column.coarse_slot) %}smallint{% endcall %}
    {%- endif %}
) as binned
group by {{ grouped_by(column.scan) }}slot
{%- endcall %}
{%- endmacro -%}
{% if others -%}
{{ binned(others) }}
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
    cast(sum(stepped.n) as bigint) as n,
    cast(sum(stepped.total) as double) as total,
    cast(sum(stepped.squares) as double) as squares,
    min(stepped.low) as low,
    max(stepped.high) as high
from (
{{ binned(summing) }}
) as stepped
inner join {{ placed_steps(stepped | selectattr("summed") | list) }}
    on placed.scan = stepped.scan and placed.step = stepped.window_id
group by stepped.scan, stepped.feature, placed.window_id, placed.segment, stepped.bin
{%- endif %}
