{#- settled: how far two sides of a column lie apart in bins still undecided, told without their values

    Both sides' values of these bins stand in one order, each a row of its side. Where a run of bins
    starts, what lies before it is added, and just behind its end all is taken away again: the sums of
    all rows up to x are those of the whole columns inside of runs, and 0 between them. They are of whole
    numbers that a double holds, so the same in any order; equal values have the same.
    Bins that hold edges or quantiles are cut there, by how many rows are at or below x.

    reads    one column of two scans a branch
    returns  pair, feature, piece (of a bin that is cut; 0 for all else), low, high; n_first, m_first,
             n_last, m_last = rows of the reference, of production at or below low, high;
             widest = the largest |n M - m N| at a value, of all rows N and M of the two;
             area = the integral of |n M - m N| from low to behind high, of finite rows
-#}
{% from "macros.sql" import window_key, rows_of, whole, union_of, undecided_bins with context -%}
{% call(column) union_of(columns) -%}
select
    {{ column.pair }} as pair,
    {{ column.feature }} as feature,
    piece,
    min(x) as low,
    max(x) as high,
    cast(min(n_up) as bigint) as n_first,
    cast(min(m_up) as bigint) as m_first,
    cast(max(n_up) as bigint) as n_last,
    cast(max(m_up) as bigint) as m_last,
    max(abs({{ column.walk.all_apart }})) as widest,
    sum(abs({{ column.walk.apart }}) * (following - x)) as area
from (
    select
        x,
        following,
        n_up,
        m_up,
        {{ column.walk.piece }} as piece
    from (
        select
            x,
            lead(x) over (order by x) as following,
            cast(sum(n) over (order by x) as double) as n_up,
            cast(sum(m) over (order by x) as double) as m_up
        from (
            {%- for side in column.sides %}
            select
                x,
                cast({{ 1 if loop.first else 0 }} as {{ column.walk.row_type }}) as n,
                cast({{ 0 if loop.first else 1 }} as {{ column.walk.row_type }}) as m
            from (
                select
                    x,
                    {% call whole(side, side.slot_of_x) %}{{ side.slot_type }}{% endcall %} as place
                from (
                    select
                        {{ side.stored }} as stored,
                        {{ side.number }} as x
                    {{ rows_of(side.scan) | indent(20) }}
                ) as numbers
            ) as valued
            inner join (
                select cast(bin - {{ slots }} as {{ side.asked_type }}) as asked
                from {{ undecided_bins(side) }}
            ) as asking
                on asking.asked = valued.place
            union all
            {%- endfor %}
            select
                cast(x as double) as x,
                cast(n as {{ column.walk.row_type }}) as n,
                cast(m as {{ column.walk.row_type }}) as m
            from (values {{ column.walk.jumps }}) as jumps(x, n, m)
        ) as united
    ) as climbed
) as parted
group by piece
{%- endcall %}
