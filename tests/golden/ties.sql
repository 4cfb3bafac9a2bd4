/* driftline monitor=everything step=ties */
select
    0 as scan,
    0 as feature,
    0 as window_id,
    cast(place as integer) + 32760 as bin,
    value,
    cast(count(*) as bigint) as n
from (
    select
        window_id,
        try_cast(floor(((x - cast('0.0' as double) /* centre, from the sample */) / (cast('1.0' as double) /* width, from the sample */ + abs((x - cast('0.0' as double) /* centre, from the sample */))) + cast('1.0' as double)) * cast('4096.0' as double) /* half the bins, from the rows */) - 32760 as smallint) as place,
        x as value
    from (
        select
            0 as window_id,
            "amount" as stored,
            cast("amount" as double) as x
        from "ml"."sco""red"
        where ("scored_at" >= cast('2026-02-23 00:00:00' as timestamp) and "scored_at" < cast('2026-03-02 00:00:00' as timestamp))
            and (amount >= 1 AND country <> 'test')
    ) as numbers
) as valued
inner join (
    select cast(bin - 32760 as smallint) as asked
    from (select unnest([0 /* undecided bins, from the histogram */]) as bin) as undecided
) as asking
    on asking.asked = valued.place
group by place, value
union all
select
    1 as scan,
    0 as feature,
    0 as window_id,
    cast(place as integer) + 32760 as bin,
    value,
    cast(count(*) as bigint) as n
from (
    select
        window_id,
        try_cast(floor(((x - cast('0.0' as double) /* centre, from the sample */) / (cast('1.0' as double) /* width, from the sample */ + abs((x - cast('0.0' as double) /* centre, from the sample */))) + cast('1.0' as double)) * cast('4096.0' as double) /* half the bins, from the rows */) - 32760 as smallint) as place,
        x as value
    from (
        select
            0 as window_id,
            "amount" as stored,
            cast("amount" as double) as x
        from "ml"."training"
        where ("scored_at" >= cast('2026-01-01 00:00:00' as timestamp) and "scored_at" < cast('2026-02-01 00:00:00' as timestamp))
    ) as numbers
) as valued
inner join (
    select cast(bin - 32760 as smallint) as asked
    from (select unnest([0 /* undecided bins, from the histogram */]) as bin) as undecided
) as asking
    on asking.asked = valued.place
group by place, value
union all
select
    0 as scan,
    1 as feature,
    0 as window_id,
    cast(place as integer) + 32760 as bin,
    value,
    cast(count(*) as bigint) as n
from (
    select
        window_id,
        cast(floor(((x - cast('0.0' as double) /* centre, from the sample */) / (cast('1.0' as double) /* width, from the sample */ + abs((x - cast('0.0' as double) /* centre, from the sample */))) + cast('1.0' as double)) * cast('4096.0' as double) /* half the bins, from the rows */) - 32760 as smallint) as place,
        x as value
    from (
        select
            0 as window_id,
            "age" as stored,
            cast("age" as double) as x
        from "ml"."sco""red"
        where ("scored_at" >= cast('2026-02-23 00:00:00' as timestamp) and "scored_at" < cast('2026-03-02 00:00:00' as timestamp))
            and (amount >= 1 AND country <> 'test')
    ) as numbers
) as valued
inner join (
    select cast(bin - 32760 as smallint) as asked
    from (select unnest([0 /* undecided bins, from the histogram */]) as bin) as undecided
) as asking
    on asking.asked = valued.place
group by place, value
union all
select
    1 as scan,
    1 as feature,
    0 as window_id,
    cast(place as integer) + 32760 as bin,
    value,
    cast(count(*) as bigint) as n
from (
    select
        window_id,
        cast(floor(((x - cast('0.0' as double) /* centre, from the sample */) / (cast('1.0' as double) /* width, from the sample */ + abs((x - cast('0.0' as double) /* centre, from the sample */))) + cast('1.0' as double)) * cast('4096.0' as double) /* half the bins, from the rows */) - 32760 as smallint) as place,
        x as value
    from (
        select
            0 as window_id,
            "age" as stored,
            cast("age" as double) as x
        from "ml"."training"
        where ("scored_at" >= cast('2026-01-01 00:00:00' as timestamp) and "scored_at" < cast('2026-02-01 00:00:00' as timestamp))
    ) as numbers
) as valued
inner join (
    select cast(bin - 32760 as smallint) as asked
    from (select unnest([0 /* undecided bins, from the histogram */]) as bin) as undecided
) as asking
    on asking.asked = valued.place
group by place, value
union all
select
    0 as scan,
    2 as feature,
    0 as window_id,
    cast(place as integer) + 32760 as bin,
    value,
    cast(count(*) as bigint) as n
from (
    select
        window_id,
        cast(floor(((x - cast('0.0' as double) /* centre, from the sample */) / (cast('1.0' as double) /* width, from the sample */ + abs((x - cast('0.0' as double) /* centre, from the sample */))) + cast('1.0' as double)) * cast('4096.0' as double) /* half the bins, from the rows */) - 32760 as smallint) as place,
        x as value
    from (
        select
            0 as window_id,
            "price" as stored,
            cast("price" as double) as x
        from "ml"."sco""red"
        where ("scored_at" >= cast('2026-02-23 00:00:00' as timestamp) and "scored_at" < cast('2026-03-02 00:00:00' as timestamp))
            and (amount >= 1 AND country <> 'test')
    ) as numbers
) as valued
inner join (
    select cast(bin - 32760 as smallint) as asked
    from (select unnest([0 /* undecided bins, from the histogram */]) as bin) as undecided
) as asking
    on asking.asked = valued.place
group by place, value
union all
select
    1 as scan,
    2 as feature,
    0 as window_id,
    cast(place as integer) + 32760 as bin,
    value,
    cast(count(*) as bigint) as n
from (
    select
        window_id,
        cast(floor(((x - cast('0.0' as double) /* centre, from the sample */) / (cast('1.0' as double) /* width, from the sample */ + abs((x - cast('0.0' as double) /* centre, from the sample */))) + cast('1.0' as double)) * cast('4096.0' as double) /* half the bins, from the rows */) - 32760 as smallint) as place,
        x as value
    from (
        select
            0 as window_id,
            "price" as stored,
            cast("price" as double) as x
        from "ml"."training"
        where ("scored_at" >= cast('2026-01-01 00:00:00' as timestamp) and "scored_at" < cast('2026-02-01 00:00:00' as timestamp))
    ) as numbers
) as valued
inner join (
    select cast(bin - 32760 as smallint) as asked
    from (select unnest([0 /* undecided bins, from the histogram */]) as bin) as undecided
) as asking
    on asking.asked = valued.place
group by place, value
union all
select
    0 as scan,
    3 as feature,
    0 as window_id,
    cast(place as integer) + 32760 as bin,
    value,
    cast(count(*) as bigint) as n
from (
    select
        window_id,
        cast(floor(((x - cast('0.0' as double) /* centre, from the sample */) / (cast('1.0' as double) /* width, from the sample */ + abs((x - cast('0.0' as double) /* centre, from the sample */))) + cast('1.0' as double)) * cast('4096.0' as double) /* half the bins, from the rows */) - 32760 as smallint) as place,
        x as value
    from (
        select
            0 as window_id,
            "born" as stored,
            cast(extract(epoch from "born") as double) as x
        from "ml"."sco""red"
        where ("scored_at" >= cast('2026-02-23 00:00:00' as timestamp) and "scored_at" < cast('2026-03-02 00:00:00' as timestamp))
            and (amount >= 1 AND country <> 'test')
    ) as numbers
) as valued
inner join (
    select cast(bin - 32760 as smallint) as asked
    from (select unnest([0 /* undecided bins, from the histogram */]) as bin) as undecided
) as asking
    on asking.asked = valued.place
group by place, value
union all
select
    1 as scan,
    3 as feature,
    0 as window_id,
    cast(place as integer) + 32760 as bin,
    value,
    cast(count(*) as bigint) as n
from (
    select
        window_id,
        cast(floor(((x - cast('0.0' as double) /* centre, from the sample */) / (cast('1.0' as double) /* width, from the sample */ + abs((x - cast('0.0' as double) /* centre, from the sample */))) + cast('1.0' as double)) * cast('4096.0' as double) /* half the bins, from the rows */) - 32760 as smallint) as place,
        x as value
    from (
        select
            0 as window_id,
            "born" as stored,
            cast(extract(epoch from "born") as double) as x
        from "ml"."training"
        where ("scored_at" >= cast('2026-01-01 00:00:00' as timestamp) and "scored_at" < cast('2026-02-01 00:00:00' as timestamp))
    ) as numbers
) as valued
inner join (
    select cast(bin - 32760 as smallint) as asked
    from (select unnest([0 /* undecided bins, from the histogram */]) as bin) as undecided
) as asking
    on asking.asked = valued.place
group by place, value
union all
select
    0 as scan,
    11 as feature,
    0 as window_id,
    cast(place as integer) + 32760 as bin,
    value,
    cast(count(*) as bigint) as n
from (
    select
        window_id,
        try_cast(floor(((x - cast('0.0' as double) /* centre, from the sample */) / (cast('1.0' as double) /* width, from the sample */ + abs((x - cast('0.0' as double) /* centre, from the sample */))) + cast('1.0' as double)) * cast('4096.0' as double) /* half the bins, from the rows */) - 32760 as smallint) as place,
        x as value
    from (
        select
            0 as window_id,
            "paid" as stored,
            cast("paid" as double) as x
        from driftline_joined_0
    ) as numbers
) as valued
inner join (
    select cast(bin - 32760 as smallint) as asked
    from (select unnest([0 /* undecided bins, from the histogram */]) as bin) as undecided
) as asking
    on asking.asked = valued.place
group by place, value
union all
select
    1 as scan,
    11 as feature,
    0 as window_id,
    cast(place as integer) + 32760 as bin,
    value,
    cast(count(*) as bigint) as n
from (
    select
        window_id,
        try_cast(floor(((x - cast('0.0' as double) /* centre, from the sample */) / (cast('1.0' as double) /* width, from the sample */ + abs((x - cast('0.0' as double) /* centre, from the sample */))) + cast('1.0' as double)) * cast('4096.0' as double) /* half the bins, from the rows */) - 32760 as smallint) as place,
        x as value
    from (
        select
            0 as window_id,
            "paid" as stored,
            cast("paid" as double) as x
        from driftline_joined_1
    ) as numbers
) as valued
inner join (
    select cast(bin - 32760 as smallint) as asked
    from (select unnest([0 /* undecided bins, from the histogram */]) as bin) as undecided
) as asking
    on asking.asked = valued.place
group by place, value
union all
select
    0 as scan,
    12 as feature,
    0 as window_id,
    cast(place as integer) + 32760 as bin,
    value,
    cast(count(*) as bigint) as n
from (
    select
        window_id,
        try_cast(floor(((x - cast('0.0' as double) /* centre, from the sample */) / (cast('1.0' as double) /* width, from the sample */ + abs((x - cast('0.0' as double) /* centre, from the sample */))) + cast('1.0' as double)) * cast('4096.0' as double) /* half the bins, from the rows */) - 32760 as smallint) as place,
        x as value
    from (
        select
            0 as window_id,
            "said" as stored,
            cast("said" as double) as x
        from "ml"."sco""red"
        where ("scored_at" >= cast('2026-02-23 00:00:00' as timestamp) and "scored_at" < cast('2026-03-02 00:00:00' as timestamp))
            and (amount >= 1 AND country <> 'test')
    ) as numbers
) as valued
inner join (
    select cast(bin - 32760 as smallint) as asked
    from (select unnest([0 /* undecided bins, from the histogram */]) as bin) as undecided
) as asking
    on asking.asked = valued.place
group by place, value
union all
select
    1 as scan,
    12 as feature,
    0 as window_id,
    cast(place as integer) + 32760 as bin,
    value,
    cast(count(*) as bigint) as n
from (
    select
        window_id,
        try_cast(floor(((x - cast('0.0' as double) /* centre, from the sample */) / (cast('1.0' as double) /* width, from the sample */ + abs((x - cast('0.0' as double) /* centre, from the sample */))) + cast('1.0' as double)) * cast('4096.0' as double) /* half the bins, from the rows */) - 32760 as smallint) as place,
        x as value
    from (
        select
            0 as window_id,
            "said" as stored,
            cast("said" as double) as x
        from "ml"."training"
        where ("scored_at" >= cast('2026-01-01 00:00:00' as timestamp) and "scored_at" < cast('2026-02-01 00:00:00' as timestamp))
    ) as numbers
) as valued
inner join (
    select cast(bin - 32760 as smallint) as asked
    from (select unnest([0 /* undecided bins, from the histogram */]) as bin) as undecided
) as asking
    on asking.asked = valued.place
group by place, value
;
/* driftline monitor=everything step=ties */
select
    0 as scan,
    0 as feature,
    0 as window_id,
    case when place is null then -1 else place end as bin,
    value,
    cast(count(*) as bigint) as n
from (
    select
        window_id,
        coalesce(try_cast(x - x as integer), cast(case
            when x - x <> 0 then case
                when -x < cast('-1.7976931348623157e+308' as double) then -5
                when x < cast('-1.7976931348623157e+308' as double) then -4
                else -3
            end
        end as integer)) as place,
        case when x - x = 0 then x end as value
    from (
        select
            0 as window_id,
            "amount" as stored,
            cast("amount" as double) as x
        from "ml"."sco""red"
        where ("scored_at" >= cast('2026-02-23 00:00:00' as timestamp) and "scored_at" < cast('2026-03-02 00:00:00' as timestamp))
            and (amount >= 1 AND country <> 'test')
    ) as numbers
) as valued
group by place, value
union all
select
    1 as scan,
    0 as feature,
    0 as window_id,
    case when place is null then -1 else place end as bin,
    value,
    cast(count(*) as bigint) as n
from (
    select
        window_id,
        coalesce(try_cast(x - x as integer), cast(case
            when x - x <> 0 then case
                when -x < cast('-1.7976931348623157e+308' as double) then -5
                when x < cast('-1.7976931348623157e+308' as double) then -4
                else -3
            end
        end as integer)) as place,
        case when x - x = 0 then x end as value
    from (
        select
            0 as window_id,
            "amount" as stored,
            cast("amount" as double) as x
        from "ml"."training"
        where ("scored_at" >= cast('2026-01-01 00:00:00' as timestamp) and "scored_at" < cast('2026-02-01 00:00:00' as timestamp))
    ) as numbers
) as valued
group by place, value
union all
select
    0 as scan,
    1 as feature,
    0 as window_id,
    case when place is null then -1 else place end as bin,
    value,
    cast(count(*) as bigint) as n
from (
    select
        window_id,
        cast(x - x as integer) as place,
        x as value
    from (
        select
            0 as window_id,
            "age" as stored,
            cast("age" as double) as x
        from "ml"."sco""red"
        where ("scored_at" >= cast('2026-02-23 00:00:00' as timestamp) and "scored_at" < cast('2026-03-02 00:00:00' as timestamp))
            and (amount >= 1 AND country <> 'test')
    ) as numbers
) as valued
group by place, value
union all
select
    1 as scan,
    1 as feature,
    0 as window_id,
    case when place is null then -1 else place end as bin,
    value,
    cast(count(*) as bigint) as n
from (
    select
        window_id,
        cast(x - x as integer) as place,
        x as value
    from (
        select
            0 as window_id,
            "age" as stored,
            cast("age" as double) as x
        from "ml"."training"
        where ("scored_at" >= cast('2026-01-01 00:00:00' as timestamp) and "scored_at" < cast('2026-02-01 00:00:00' as timestamp))
    ) as numbers
) as valued
group by place, value
union all
select
    0 as scan,
    2 as feature,
    0 as window_id,
    case when place is null then -1 else place end as bin,
    value,
    cast(count(*) as bigint) as n
from (
    select
        window_id,
        cast(x - x as integer) as place,
        x as value
    from (
        select
            0 as window_id,
            "price" as stored,
            cast("price" as double) as x
        from "ml"."sco""red"
        where ("scored_at" >= cast('2026-02-23 00:00:00' as timestamp) and "scored_at" < cast('2026-03-02 00:00:00' as timestamp))
            and (amount >= 1 AND country <> 'test')
    ) as numbers
) as valued
group by place, value
union all
select
    1 as scan,
    2 as feature,
    0 as window_id,
    case when place is null then -1 else place end as bin,
    value,
    cast(count(*) as bigint) as n
from (
    select
        window_id,
        cast(x - x as integer) as place,
        x as value
    from (
        select
            0 as window_id,
            "price" as stored,
            cast("price" as double) as x
        from "ml"."training"
        where ("scored_at" >= cast('2026-01-01 00:00:00' as timestamp) and "scored_at" < cast('2026-02-01 00:00:00' as timestamp))
    ) as numbers
) as valued
group by place, value
union all
select
    0 as scan,
    3 as feature,
    0 as window_id,
    case when place is null then -1 else place end as bin,
    value,
    cast(count(*) as bigint) as n
from (
    select
        window_id,
        coalesce(cast(x - x as integer), cast(case
            when x is null and stored is not null then -2
        end as integer)) as place,
        x as value
    from (
        select
            0 as window_id,
            "born" as stored,
            cast(extract(epoch from "born") as double) as x
        from "ml"."sco""red"
        where ("scored_at" >= cast('2026-02-23 00:00:00' as timestamp) and "scored_at" < cast('2026-03-02 00:00:00' as timestamp))
            and (amount >= 1 AND country <> 'test')
    ) as numbers
) as valued
group by place, value
union all
select
    1 as scan,
    3 as feature,
    0 as window_id,
    case when place is null then -1 else place end as bin,
    value,
    cast(count(*) as bigint) as n
from (
    select
        window_id,
        coalesce(cast(x - x as integer), cast(case
            when x is null and stored is not null then -2
        end as integer)) as place,
        x as value
    from (
        select
            0 as window_id,
            "born" as stored,
            cast(extract(epoch from "born") as double) as x
        from "ml"."training"
        where ("scored_at" >= cast('2026-01-01 00:00:00' as timestamp) and "scored_at" < cast('2026-02-01 00:00:00' as timestamp))
    ) as numbers
) as valued
group by place, value
union all
select
    0 as scan,
    11 as feature,
    0 as window_id,
    case when place is null then -1 else place end as bin,
    value,
    cast(count(*) as bigint) as n
from (
    select
        window_id,
        coalesce(try_cast(x - x as integer), cast(case
            when x - x <> 0 then case
                when -x < cast('-1.7976931348623157e+308' as double) then -5
                when x < cast('-1.7976931348623157e+308' as double) then -4
                else -3
            end
        end as integer)) as place,
        case when x - x = 0 then x end as value
    from (
        select
            0 as window_id,
            "paid" as stored,
            cast("paid" as double) as x
        from driftline_joined_0
    ) as numbers
) as valued
group by place, value
union all
select
    1 as scan,
    11 as feature,
    0 as window_id,
    case when place is null then -1 else place end as bin,
    value,
    cast(count(*) as bigint) as n
from (
    select
        window_id,
        coalesce(try_cast(x - x as integer), cast(case
            when x - x <> 0 then case
                when -x < cast('-1.7976931348623157e+308' as double) then -5
                when x < cast('-1.7976931348623157e+308' as double) then -4
                else -3
            end
        end as integer)) as place,
        case when x - x = 0 then x end as value
    from (
        select
            0 as window_id,
            "paid" as stored,
            cast("paid" as double) as x
        from driftline_joined_1
    ) as numbers
) as valued
group by place, value
union all
select
    0 as scan,
    12 as feature,
    0 as window_id,
    case when place is null then -1 else place end as bin,
    value,
    cast(count(*) as bigint) as n
from (
    select
        window_id,
        coalesce(try_cast(x - x as integer), cast(case
            when x - x <> 0 then case
                when -x < cast('-1.7976931348623157e+308' as double) then -5
                when x < cast('-1.7976931348623157e+308' as double) then -4
                else -3
            end
        end as integer)) as place,
        case when x - x = 0 then x end as value
    from (
        select
            0 as window_id,
            "said" as stored,
            cast("said" as double) as x
        from "ml"."sco""red"
        where ("scored_at" >= cast('2026-02-23 00:00:00' as timestamp) and "scored_at" < cast('2026-03-02 00:00:00' as timestamp))
            and (amount >= 1 AND country <> 'test')
    ) as numbers
) as valued
group by place, value
union all
select
    1 as scan,
    12 as feature,
    0 as window_id,
    case when place is null then -1 else place end as bin,
    value,
    cast(count(*) as bigint) as n
from (
    select
        window_id,
        coalesce(try_cast(x - x as integer), cast(case
            when x - x <> 0 then case
                when -x < cast('-1.7976931348623157e+308' as double) then -5
                when x < cast('-1.7976931348623157e+308' as double) then -4
                else -3
            end
        end as integer)) as place,
        case when x - x = 0 then x end as value
    from (
        select
            0 as window_id,
            "said" as stored,
            cast("said" as double) as x
        from "ml"."training"
        where ("scored_at" >= cast('2026-01-01 00:00:00' as timestamp) and "scored_at" < cast('2026-02-01 00:00:00' as timestamp))
    ) as numbers
) as valued
group by place, value
