/* driftline monitor=everything step=ties */
select
    0 as scan,
    0 as feature,
    window_id,
    segment,
    bin,
    value,
    cast(count(*) as bigint) as n
from (
    select
        window_id,
        segment,
        cast(bin as integer) as bin,
        x as value
    from (
        select
            window_id,
            segment,
            x,
            case when x - x = 0 then floor(((x - cast('0.0' as double) /* centre, from the sample */) / (cast('1.0' as double) /* width, from the sample */ + abs((x - cast('0.0' as double) /* centre, from the sample */))) + cast('1.0' as double)) * cast('4096.0' as double) /* half the bins, from the rows */) end as bin
        from (
            select
                0 as window_id,
                '__all__' as segment,
                cast("amount" as double) as x
            from "ml"."sco""red"
            where ("scored_at" >= cast('2026-02-23 00:00:00' as timestamp) and "scored_at" < cast('2026-03-02 00:00:00' as timestamp))
                and (amount >= 1 AND country <> 'test')
        ) as placed
    ) as numbers
    where bin in (0 /* undecided bins, from the histogram */)
) as valued
group by window_id, segment, bin, value
union all
select
    1 as scan,
    0 as feature,
    window_id,
    segment,
    bin,
    value,
    cast(count(*) as bigint) as n
from (
    select
        window_id,
        segment,
        cast(bin as integer) as bin,
        x as value
    from (
        select
            window_id,
            segment,
            x,
            case when x - x = 0 then floor(((x - cast('0.0' as double) /* centre, from the sample */) / (cast('1.0' as double) /* width, from the sample */ + abs((x - cast('0.0' as double) /* centre, from the sample */))) + cast('1.0' as double)) * cast('4096.0' as double) /* half the bins, from the rows */) end as bin
        from (
            select
                0 as window_id,
                '__all__' as segment,
                cast("amount" as double) as x
            from "ml"."training"
            where ("scored_at" >= cast('2026-01-01 00:00:00' as timestamp) and "scored_at" < cast('2026-02-01 00:00:00' as timestamp))
        ) as placed
    ) as numbers
    where bin in (0 /* undecided bins, from the histogram */)
) as valued
group by window_id, segment, bin, value
union all
select
    0 as scan,
    1 as feature,
    window_id,
    segment,
    bin,
    value,
    cast(count(*) as bigint) as n
from (
    select
        window_id,
        segment,
        cast(bin as integer) as bin,
        x as value
    from (
        select
            window_id,
            segment,
            x,
            case when x - x = 0 then floor(((x - cast('0.0' as double) /* centre, from the sample */) / (cast('1.0' as double) /* width, from the sample */ + abs((x - cast('0.0' as double) /* centre, from the sample */))) + cast('1.0' as double)) * cast('4096.0' as double) /* half the bins, from the rows */) end as bin
        from (
            select
                0 as window_id,
                '__all__' as segment,
                cast("age" as double) as x
            from "ml"."sco""red"
            where ("scored_at" >= cast('2026-02-23 00:00:00' as timestamp) and "scored_at" < cast('2026-03-02 00:00:00' as timestamp))
                and (amount >= 1 AND country <> 'test')
        ) as placed
    ) as numbers
    where bin in (0 /* undecided bins, from the histogram */)
) as valued
group by window_id, segment, bin, value
union all
select
    1 as scan,
    1 as feature,
    window_id,
    segment,
    bin,
    value,
    cast(count(*) as bigint) as n
from (
    select
        window_id,
        segment,
        cast(bin as integer) as bin,
        x as value
    from (
        select
            window_id,
            segment,
            x,
            case when x - x = 0 then floor(((x - cast('0.0' as double) /* centre, from the sample */) / (cast('1.0' as double) /* width, from the sample */ + abs((x - cast('0.0' as double) /* centre, from the sample */))) + cast('1.0' as double)) * cast('4096.0' as double) /* half the bins, from the rows */) end as bin
        from (
            select
                0 as window_id,
                '__all__' as segment,
                cast("age" as double) as x
            from "ml"."training"
            where ("scored_at" >= cast('2026-01-01 00:00:00' as timestamp) and "scored_at" < cast('2026-02-01 00:00:00' as timestamp))
        ) as placed
    ) as numbers
    where bin in (0 /* undecided bins, from the histogram */)
) as valued
group by window_id, segment, bin, value
union all
select
    0 as scan,
    2 as feature,
    window_id,
    segment,
    bin,
    value,
    cast(count(*) as bigint) as n
from (
    select
        window_id,
        segment,
        cast(bin as integer) as bin,
        x as value
    from (
        select
            window_id,
            segment,
            x,
            case when x - x = 0 then floor(((x - cast('0.0' as double) /* centre, from the sample */) / (cast('1.0' as double) /* width, from the sample */ + abs((x - cast('0.0' as double) /* centre, from the sample */))) + cast('1.0' as double)) * cast('4096.0' as double) /* half the bins, from the rows */) end as bin
        from (
            select
                0 as window_id,
                '__all__' as segment,
                cast("price" as double) as x
            from "ml"."sco""red"
            where ("scored_at" >= cast('2026-02-23 00:00:00' as timestamp) and "scored_at" < cast('2026-03-02 00:00:00' as timestamp))
                and (amount >= 1 AND country <> 'test')
        ) as placed
    ) as numbers
    where bin in (0 /* undecided bins, from the histogram */)
) as valued
group by window_id, segment, bin, value
union all
select
    1 as scan,
    2 as feature,
    window_id,
    segment,
    bin,
    value,
    cast(count(*) as bigint) as n
from (
    select
        window_id,
        segment,
        cast(bin as integer) as bin,
        x as value
    from (
        select
            window_id,
            segment,
            x,
            case when x - x = 0 then floor(((x - cast('0.0' as double) /* centre, from the sample */) / (cast('1.0' as double) /* width, from the sample */ + abs((x - cast('0.0' as double) /* centre, from the sample */))) + cast('1.0' as double)) * cast('4096.0' as double) /* half the bins, from the rows */) end as bin
        from (
            select
                0 as window_id,
                '__all__' as segment,
                cast("price" as double) as x
            from "ml"."training"
            where ("scored_at" >= cast('2026-01-01 00:00:00' as timestamp) and "scored_at" < cast('2026-02-01 00:00:00' as timestamp))
        ) as placed
    ) as numbers
    where bin in (0 /* undecided bins, from the histogram */)
) as valued
group by window_id, segment, bin, value
union all
select
    0 as scan,
    3 as feature,
    window_id,
    segment,
    bin,
    value,
    cast(count(*) as bigint) as n
from (
    select
        window_id,
        segment,
        cast(bin as integer) as bin,
        x as value
    from (
        select
            window_id,
            segment,
            x,
            case when x - x = 0 then floor(((x - cast('0.0' as double) /* centre, from the sample */) / (cast('1.0' as double) /* width, from the sample */ + abs((x - cast('0.0' as double) /* centre, from the sample */))) + cast('1.0' as double)) * cast('4096.0' as double) /* half the bins, from the rows */) end as bin
        from (
            select
                0 as window_id,
                '__all__' as segment,
                cast(extract(epoch from "born") as double) as x
            from "ml"."sco""red"
            where ("scored_at" >= cast('2026-02-23 00:00:00' as timestamp) and "scored_at" < cast('2026-03-02 00:00:00' as timestamp))
                and (amount >= 1 AND country <> 'test')
        ) as placed
    ) as numbers
    where bin in (0 /* undecided bins, from the histogram */)
) as valued
group by window_id, segment, bin, value
union all
select
    1 as scan,
    3 as feature,
    window_id,
    segment,
    bin,
    value,
    cast(count(*) as bigint) as n
from (
    select
        window_id,
        segment,
        cast(bin as integer) as bin,
        x as value
    from (
        select
            window_id,
            segment,
            x,
            case when x - x = 0 then floor(((x - cast('0.0' as double) /* centre, from the sample */) / (cast('1.0' as double) /* width, from the sample */ + abs((x - cast('0.0' as double) /* centre, from the sample */))) + cast('1.0' as double)) * cast('4096.0' as double) /* half the bins, from the rows */) end as bin
        from (
            select
                0 as window_id,
                '__all__' as segment,
                cast(extract(epoch from "born") as double) as x
            from "ml"."training"
            where ("scored_at" >= cast('2026-01-01 00:00:00' as timestamp) and "scored_at" < cast('2026-02-01 00:00:00' as timestamp))
        ) as placed
    ) as numbers
    where bin in (0 /* undecided bins, from the histogram */)
) as valued
group by window_id, segment, bin, value
union all
select
    0 as scan,
    11 as feature,
    window_id,
    segment,
    bin,
    value,
    cast(count(*) as bigint) as n
from (
    select
        window_id,
        segment,
        cast(bin as integer) as bin,
        x as value
    from (
        select
            window_id,
            segment,
            x,
            case when x - x = 0 then floor(((x - cast('0.0' as double) /* centre, from the sample */) / (cast('1.0' as double) /* width, from the sample */ + abs((x - cast('0.0' as double) /* centre, from the sample */))) + cast('1.0' as double)) * cast('4096.0' as double) /* half the bins, from the rows */) end as bin
        from (
            select
                0 as window_id,
                '__all__' as segment,
                cast("paid" as double) as x
            from driftline_joined_0
        ) as placed
    ) as numbers
    where bin in (0 /* undecided bins, from the histogram */)
) as valued
group by window_id, segment, bin, value
union all
select
    1 as scan,
    11 as feature,
    window_id,
    segment,
    bin,
    value,
    cast(count(*) as bigint) as n
from (
    select
        window_id,
        segment,
        cast(bin as integer) as bin,
        x as value
    from (
        select
            window_id,
            segment,
            x,
            case when x - x = 0 then floor(((x - cast('0.0' as double) /* centre, from the sample */) / (cast('1.0' as double) /* width, from the sample */ + abs((x - cast('0.0' as double) /* centre, from the sample */))) + cast('1.0' as double)) * cast('4096.0' as double) /* half the bins, from the rows */) end as bin
        from (
            select
                0 as window_id,
                '__all__' as segment,
                cast("paid" as double) as x
            from driftline_joined_1
        ) as placed
    ) as numbers
    where bin in (0 /* undecided bins, from the histogram */)
) as valued
group by window_id, segment, bin, value
;
/* driftline monitor=everything step=ties */
select
    0 as scan,
    0 as feature,
    window_id,
    segment,
    bin,
    value,
    cast(count(*) as bigint) as n
from (
    select
        window_id,
        segment,
        cast(case
            when x - x = 0 then 0
            when stored is null then -1
            when x is null then -2
            when -x < cast('-1.7976931348623157e+308' as double) then -5
            when x < cast('-1.7976931348623157e+308' as double) then -4
            else -3
        end as integer) as bin,
        case when x - x = 0 then x end as value
    from (
        select
            0 as window_id,
            '__all__' as segment,
            "amount" as stored,
            cast("amount" as double) as x
        from "ml"."sco""red"
        where ("scored_at" >= cast('2026-02-23 00:00:00' as timestamp) and "scored_at" < cast('2026-03-02 00:00:00' as timestamp))
            and (amount >= 1 AND country <> 'test')
    ) as numbers
) as valued
group by window_id, segment, bin, value
union all
select
    1 as scan,
    0 as feature,
    window_id,
    segment,
    bin,
    value,
    cast(count(*) as bigint) as n
from (
    select
        window_id,
        segment,
        cast(case
            when x - x = 0 then 0
            when stored is null then -1
            when x is null then -2
            when -x < cast('-1.7976931348623157e+308' as double) then -5
            when x < cast('-1.7976931348623157e+308' as double) then -4
            else -3
        end as integer) as bin,
        case when x - x = 0 then x end as value
    from (
        select
            0 as window_id,
            '__all__' as segment,
            "amount" as stored,
            cast("amount" as double) as x
        from "ml"."training"
        where ("scored_at" >= cast('2026-01-01 00:00:00' as timestamp) and "scored_at" < cast('2026-02-01 00:00:00' as timestamp))
    ) as numbers
) as valued
group by window_id, segment, bin, value
union all
select
    0 as scan,
    1 as feature,
    window_id,
    segment,
    bin,
    value,
    cast(count(*) as bigint) as n
from (
    select
        window_id,
        segment,
        cast(case
            when x - x = 0 then 0
            when stored is null then -1
            else -2
        end as integer) as bin,
        case when x - x = 0 then x end as value
    from (
        select
            0 as window_id,
            '__all__' as segment,
            "age" as stored,
            cast("age" as double) as x
        from "ml"."sco""red"
        where ("scored_at" >= cast('2026-02-23 00:00:00' as timestamp) and "scored_at" < cast('2026-03-02 00:00:00' as timestamp))
            and (amount >= 1 AND country <> 'test')
    ) as numbers
) as valued
group by window_id, segment, bin, value
union all
select
    1 as scan,
    1 as feature,
    window_id,
    segment,
    bin,
    value,
    cast(count(*) as bigint) as n
from (
    select
        window_id,
        segment,
        cast(case
            when x - x = 0 then 0
            when stored is null then -1
            else -2
        end as integer) as bin,
        case when x - x = 0 then x end as value
    from (
        select
            0 as window_id,
            '__all__' as segment,
            "age" as stored,
            cast("age" as double) as x
        from "ml"."training"
        where ("scored_at" >= cast('2026-01-01 00:00:00' as timestamp) and "scored_at" < cast('2026-02-01 00:00:00' as timestamp))
    ) as numbers
) as valued
group by window_id, segment, bin, value
union all
select
    0 as scan,
    2 as feature,
    window_id,
    segment,
    bin,
    value,
    cast(count(*) as bigint) as n
from (
    select
        window_id,
        segment,
        cast(case
            when x - x = 0 then 0
            when stored is null then -1
            else -2
        end as integer) as bin,
        case when x - x = 0 then x end as value
    from (
        select
            0 as window_id,
            '__all__' as segment,
            "price" as stored,
            cast("price" as double) as x
        from "ml"."sco""red"
        where ("scored_at" >= cast('2026-02-23 00:00:00' as timestamp) and "scored_at" < cast('2026-03-02 00:00:00' as timestamp))
            and (amount >= 1 AND country <> 'test')
    ) as numbers
) as valued
group by window_id, segment, bin, value
union all
select
    1 as scan,
    2 as feature,
    window_id,
    segment,
    bin,
    value,
    cast(count(*) as bigint) as n
from (
    select
        window_id,
        segment,
        cast(case
            when x - x = 0 then 0
            when stored is null then -1
            else -2
        end as integer) as bin,
        case when x - x = 0 then x end as value
    from (
        select
            0 as window_id,
            '__all__' as segment,
            "price" as stored,
            cast("price" as double) as x
        from "ml"."training"
        where ("scored_at" >= cast('2026-01-01 00:00:00' as timestamp) and "scored_at" < cast('2026-02-01 00:00:00' as timestamp))
    ) as numbers
) as valued
group by window_id, segment, bin, value
union all
select
    0 as scan,
    3 as feature,
    window_id,
    segment,
    bin,
    value,
    cast(count(*) as bigint) as n
from (
    select
        window_id,
        segment,
        cast(case
            when x - x = 0 then 0
            when stored is null then -1
            else -2
        end as integer) as bin,
        case when x - x = 0 then x end as value
    from (
        select
            0 as window_id,
            '__all__' as segment,
            "born" as stored,
            cast(extract(epoch from "born") as double) as x
        from "ml"."sco""red"
        where ("scored_at" >= cast('2026-02-23 00:00:00' as timestamp) and "scored_at" < cast('2026-03-02 00:00:00' as timestamp))
            and (amount >= 1 AND country <> 'test')
    ) as numbers
) as valued
group by window_id, segment, bin, value
union all
select
    1 as scan,
    3 as feature,
    window_id,
    segment,
    bin,
    value,
    cast(count(*) as bigint) as n
from (
    select
        window_id,
        segment,
        cast(case
            when x - x = 0 then 0
            when stored is null then -1
            else -2
        end as integer) as bin,
        case when x - x = 0 then x end as value
    from (
        select
            0 as window_id,
            '__all__' as segment,
            "born" as stored,
            cast(extract(epoch from "born") as double) as x
        from "ml"."training"
        where ("scored_at" >= cast('2026-01-01 00:00:00' as timestamp) and "scored_at" < cast('2026-02-01 00:00:00' as timestamp))
    ) as numbers
) as valued
group by window_id, segment, bin, value
union all
select
    0 as scan,
    11 as feature,
    window_id,
    segment,
    bin,
    value,
    cast(count(*) as bigint) as n
from (
    select
        window_id,
        segment,
        cast(case
            when x - x = 0 then 0
            when stored is null then -1
            when x is null then -2
            when -x < cast('-1.7976931348623157e+308' as double) then -5
            when x < cast('-1.7976931348623157e+308' as double) then -4
            else -3
        end as integer) as bin,
        case when x - x = 0 then x end as value
    from (
        select
            0 as window_id,
            '__all__' as segment,
            "paid" as stored,
            cast("paid" as double) as x
        from driftline_joined_0
    ) as numbers
) as valued
group by window_id, segment, bin, value
union all
select
    1 as scan,
    11 as feature,
    window_id,
    segment,
    bin,
    value,
    cast(count(*) as bigint) as n
from (
    select
        window_id,
        segment,
        cast(case
            when x - x = 0 then 0
            when stored is null then -1
            when x is null then -2
            when -x < cast('-1.7976931348623157e+308' as double) then -5
            when x < cast('-1.7976931348623157e+308' as double) then -4
            else -3
        end as integer) as bin,
        case when x - x = 0 then x end as value
    from (
        select
            0 as window_id,
            '__all__' as segment,
            "paid" as stored,
            cast("paid" as double) as x
        from driftline_joined_1
    ) as numbers
) as valued
group by window_id, segment, bin, value
