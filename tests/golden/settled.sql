/* driftline monitor=dear step=settled */
select
    0 as pair,
    0 as feature,
    piece,
    min(x) as low,
    max(x) as high,
    cast(min(n_up) as bigint) as n_first,
    cast(min(m_up) as bigint) as m_first,
    cast(max(n_up) as bigint) as n_last,
    cast(max(m_up) as bigint) as m_last,
    max(abs(n_up * cast('1.0' as double) /* rows of a side */ - m_up * cast('1.0' as double) /* rows of a side */)) as widest,
    sum(abs(n_up * cast('1.0' as double) /* rows of a side */ - m_up * cast('1.0' as double) /* rows of a side */) * (following - x)) as area
from (
    select
        x,
        following,
        n_up,
        m_up,
        0 /* or its number, from the ranks of edges and quantiles */ as piece
    from (
        select
            x,
            lead(x) over (order by x) as following,
            cast(sum(n) over (order by x) as double) as n_up,
            cast(sum(m) over (order by x) as double) as m_up
        from (
            select
                x,
                cast(1 as bigint) as n,
                cast(0 as bigint) as m
            from (
                select
                    x,
                    try_cast(floor(((x - cast('0.0' as double) /* centre, from the sample */) / (cast('1.0' as double) /* width, from the sample */ + abs((x - cast('0.0' as double) /* centre, from the sample */))) + cast('1.0' as double)) * cast('4096.0' as double) /* half the bins, from the rows */) - 32760 as smallint) as place
                from (
                    select
                        "x" as stored,
                        cast("x" as double) as x
                    from "ml"."training"
                ) as numbers
            ) as valued
            inner join (
                select cast(bin - 32760 as smallint) as asked
                from (select unnest([0 /* undecided bins, from the histogram */]) as bin) as undecided
            ) as asking
                on asking.asked = valued.place
            union all
            select
                x,
                cast(0 as bigint) as n,
                cast(1 as bigint) as m
            from (
                select
                    x,
                    try_cast(floor(((x - cast('0.0' as double) /* centre, from the sample */) / (cast('1.0' as double) /* width, from the sample */ + abs((x - cast('0.0' as double) /* centre, from the sample */))) + cast('1.0' as double)) * cast('4096.0' as double) /* half the bins, from the rows */) - 32760 as smallint) as place
                from (
                    select
                        "x" as stored,
                        cast("x" as double) as x
                    from "ml"."scored"
                    where ("at" >= cast('2026-02-23 00:00:00' as timestamp) and "at" < cast('2026-03-02 00:00:00' as timestamp))
                        and (x < 9)
                ) as numbers
            ) as valued
            inner join (
                select cast(bin - 32760 as smallint) as asked
                from (select unnest([0 /* undecided bins, from the histogram */]) as bin) as undecided
            ) as asking
                on asking.asked = valued.place
            union all
            select
                cast(x as double) as x,
                cast(n as bigint) as n,
                cast(m as bigint) as m
            from (values ('0.0', 0, 0) /* rows before each run of bins, from the histogram */) as jumps(x, n, m)
        ) as united
    ) as climbed
) as parted
group by piece
union all
select
    0 as pair,
    1 as feature,
    piece,
    min(x) as low,
    max(x) as high,
    cast(min(n_up) as bigint) as n_first,
    cast(min(m_up) as bigint) as m_first,
    cast(max(n_up) as bigint) as n_last,
    cast(max(m_up) as bigint) as m_last,
    max(abs(n_up * cast('1.0' as double) /* rows of a side */ - m_up * cast('1.0' as double) /* rows of a side */)) as widest,
    sum(abs(n_up * cast('1.0' as double) /* rows of a side */ - m_up * cast('1.0' as double) /* rows of a side */) * (following - x)) as area
from (
    select
        x,
        following,
        n_up,
        m_up,
        0 /* or its number, from the ranks of edges and quantiles */ as piece
    from (
        select
            x,
            lead(x) over (order by x) as following,
            cast(sum(n) over (order by x) as double) as n_up,
            cast(sum(m) over (order by x) as double) as m_up
        from (
            select
                x,
                cast(1 as bigint) as n,
                cast(0 as bigint) as m
            from (
                select
                    x,
                    cast(floor(((x - cast('0.0' as double) /* centre, from the sample */) / (cast('1.0' as double) /* width, from the sample */ + abs((x - cast('0.0' as double) /* centre, from the sample */))) + cast('1.0' as double)) * cast('4096.0' as double) /* half the bins, from the rows */) - 32760 as smallint) as place
                from (
                    select
                        "o""r" as stored,
                        cast("o""r" as double) as x
                    from "ml"."training"
                ) as numbers
            ) as valued
            inner join (
                select cast(bin - 32760 as smallint) as asked
                from (select unnest([0 /* undecided bins, from the histogram */]) as bin) as undecided
            ) as asking
                on asking.asked = valued.place
            union all
            select
                x,
                cast(0 as bigint) as n,
                cast(1 as bigint) as m
            from (
                select
                    x,
                    cast(floor(((x - cast('0.0' as double) /* centre, from the sample */) / (cast('1.0' as double) /* width, from the sample */ + abs((x - cast('0.0' as double) /* centre, from the sample */))) + cast('1.0' as double)) * cast('4096.0' as double) /* half the bins, from the rows */) - 32760 as smallint) as place
                from (
                    select
                        "o""r" as stored,
                        cast("o""r" as double) as x
                    from "ml"."scored"
                    where ("at" >= cast('2026-02-23 00:00:00' as timestamp) and "at" < cast('2026-03-02 00:00:00' as timestamp))
                        and (x < 9)
                ) as numbers
            ) as valued
            inner join (
                select cast(bin - 32760 as smallint) as asked
                from (select unnest([0 /* undecided bins, from the histogram */]) as bin) as undecided
            ) as asking
                on asking.asked = valued.place
            union all
            select
                cast(x as double) as x,
                cast(n as bigint) as n,
                cast(m as bigint) as m
            from (values ('0.0', 0, 0) /* rows before each run of bins, from the histogram */) as jumps(x, n, m)
        ) as united
    ) as climbed
) as parted
group by piece
