/* driftline monitor=everything step=histogram */
select
    0 as scan,
    0 as feature,
    0 as window_id,
    case when slot is null then -1 else cast(slot as integer) + 32760 end as bin,
    cast(count(*) as bigint) as n,
    cast(sum(try_cast(t * cast('1.0' as double) /* power of two, from the bounds */ as bigint)) as double) as total,
    cast(sum(try_cast(t * t * cast('1.0' as double) /* power of two, from the bounds */ as bigint)) as double) as squares,
    min(x) as low,
    max(x) as high
from (
    select
        window_id,
        x,
        t,
        coalesce(try_cast(floor((t / (cast('1.0' as double) /* width, from the sample */ + abs(t)) + cast('1.0' as double)) * cast('4096.0' as double) /* half the bins, from the rows */) - 32760 as integer), cast(case
            when x - x <> 0 then case
                when -x < cast('-1.7976931348623157e+308' as double) then -32765
                when x < cast('-1.7976931348623157e+308' as double) then -32764
                else -32763
            end
        end as integer)) as slot
    from (
        select
            window_id,
            stored,
            x,
            x - cast('0.0' as double) /* centre, from the sample */ as t
        from (
            select
                0 as window_id,
                "amount" as stored,
                cast("amount" as double) as x
            from "ml"."sco""red"
            where ("scored_at" >= cast('2026-02-23 00:00:00' as timestamp) and "scored_at" < cast('2026-03-02 00:00:00' as timestamp))
                and (amount >= 1 AND country <> 'test')
        ) as numbers
    ) as centred
) as binned
group by slot
union all
select
    1 as scan,
    0 as feature,
    0 as window_id,
    case when slot is null then -1 else cast(slot as integer) + 32760 end as bin,
    cast(count(*) as bigint) as n,
    cast(sum(try_cast(t * cast('1.0' as double) /* power of two, from the bounds */ as bigint)) as double) as total,
    cast(sum(try_cast(t * t * cast('1.0' as double) /* power of two, from the bounds */ as bigint)) as double) as squares,
    min(x) as low,
    max(x) as high
from (
    select
        window_id,
        x,
        t,
        coalesce(try_cast(floor((t / (cast('1.0' as double) /* width, from the sample */ + abs(t)) + cast('1.0' as double)) * cast('4096.0' as double) /* half the bins, from the rows */) - 32760 as integer), cast(case
            when x - x <> 0 then case
                when -x < cast('-1.7976931348623157e+308' as double) then -32765
                when x < cast('-1.7976931348623157e+308' as double) then -32764
                else -32763
            end
        end as integer)) as slot
    from (
        select
            window_id,
            stored,
            x,
            x - cast('0.0' as double) /* centre, from the sample */ as t
        from (
            select
                0 as window_id,
                "amount" as stored,
                cast("amount" as double) as x
            from "ml"."training"
            where ("scored_at" >= cast('2026-01-01 00:00:00' as timestamp) and "scored_at" < cast('2026-02-01 00:00:00' as timestamp))
        ) as numbers
    ) as centred
) as binned
group by slot
union all
select
    0 as scan,
    1 as feature,
    0 as window_id,
    case when slot is null then -1 else cast(slot as integer) + 32760 end as bin,
    cast(count(*) as bigint) as n,
    cast(sum(cast(t * cast('1.0' as double) /* power of two, from the bounds */ as bigint)) as double) as total,
    cast(sum(cast(t * t * cast('1.0' as double) /* power of two, from the bounds */ as bigint)) as double) as squares,
    min(x) as low,
    max(x) as high
from (
    select
        window_id,
        x,
        t,
        cast(floor((t / (cast('1.0' as double) /* width, from the sample */ + abs(t)) + cast('1.0' as double)) * cast('4096.0' as double) /* half the bins, from the rows */) - 32760 as integer) as slot
    from (
        select
            window_id,
            stored,
            x,
            x - cast('0.0' as double) /* centre, from the sample */ as t
        from (
            select
                0 as window_id,
                "age" as stored,
                cast("age" as double) as x
            from "ml"."sco""red"
            where ("scored_at" >= cast('2026-02-23 00:00:00' as timestamp) and "scored_at" < cast('2026-03-02 00:00:00' as timestamp))
                and (amount >= 1 AND country <> 'test')
        ) as numbers
    ) as centred
) as binned
group by slot
union all
select
    1 as scan,
    1 as feature,
    0 as window_id,
    case when slot is null then -1 else cast(slot as integer) + 32760 end as bin,
    cast(count(*) as bigint) as n,
    cast(sum(cast(t * cast('1.0' as double) /* power of two, from the bounds */ as bigint)) as double) as total,
    cast(sum(cast(t * t * cast('1.0' as double) /* power of two, from the bounds */ as bigint)) as double) as squares,
    min(x) as low,
    max(x) as high
from (
    select
        window_id,
        x,
        t,
        cast(floor((t / (cast('1.0' as double) /* width, from the sample */ + abs(t)) + cast('1.0' as double)) * cast('4096.0' as double) /* half the bins, from the rows */) - 32760 as integer) as slot
    from (
        select
            window_id,
            stored,
            x,
            x - cast('0.0' as double) /* centre, from the sample */ as t
        from (
            select
                0 as window_id,
                "age" as stored,
                cast("age" as double) as x
            from "ml"."training"
            where ("scored_at" >= cast('2026-01-01 00:00:00' as timestamp) and "scored_at" < cast('2026-02-01 00:00:00' as timestamp))
        ) as numbers
    ) as centred
) as binned
group by slot
union all
select
    0 as scan,
    2 as feature,
    0 as window_id,
    case when slot is null then -1 else cast(slot as integer) + 32760 end as bin,
    cast(count(*) as bigint) as n,
    cast(sum(cast(t * cast('1.0' as double) /* power of two, from the bounds */ as bigint)) as double) as total,
    cast(sum(cast(t * t * cast('1.0' as double) /* power of two, from the bounds */ as bigint)) as double) as squares,
    min(x) as low,
    max(x) as high
from (
    select
        window_id,
        x,
        t,
        cast(floor((t / (cast('1.0' as double) /* width, from the sample */ + abs(t)) + cast('1.0' as double)) * cast('4096.0' as double) /* half the bins, from the rows */) - 32760 as integer) as slot
    from (
        select
            window_id,
            stored,
            x,
            x - cast('0.0' as double) /* centre, from the sample */ as t
        from (
            select
                0 as window_id,
                "price" as stored,
                cast("price" as double) as x
            from "ml"."sco""red"
            where ("scored_at" >= cast('2026-02-23 00:00:00' as timestamp) and "scored_at" < cast('2026-03-02 00:00:00' as timestamp))
                and (amount >= 1 AND country <> 'test')
        ) as numbers
    ) as centred
) as binned
group by slot
union all
select
    1 as scan,
    2 as feature,
    0 as window_id,
    case when slot is null then -1 else cast(slot as integer) + 32760 end as bin,
    cast(count(*) as bigint) as n,
    cast(sum(cast(t * cast('1.0' as double) /* power of two, from the bounds */ as bigint)) as double) as total,
    cast(sum(cast(t * t * cast('1.0' as double) /* power of two, from the bounds */ as bigint)) as double) as squares,
    min(x) as low,
    max(x) as high
from (
    select
        window_id,
        x,
        t,
        cast(floor((t / (cast('1.0' as double) /* width, from the sample */ + abs(t)) + cast('1.0' as double)) * cast('4096.0' as double) /* half the bins, from the rows */) - 32760 as integer) as slot
    from (
        select
            window_id,
            stored,
            x,
            x - cast('0.0' as double) /* centre, from the sample */ as t
        from (
            select
                0 as window_id,
                "price" as stored,
                cast("price" as double) as x
            from "ml"."training"
            where ("scored_at" >= cast('2026-01-01 00:00:00' as timestamp) and "scored_at" < cast('2026-02-01 00:00:00' as timestamp))
        ) as numbers
    ) as centred
) as binned
group by slot
union all
select
    0 as scan,
    3 as feature,
    0 as window_id,
    case when slot is null then -1 else cast(slot as integer) + 32760 end as bin,
    cast(count(*) as bigint) as n,
    cast(sum(cast(t * cast('1.0' as double) /* power of two, from the bounds */ as bigint)) as double) as total,
    cast(sum(cast(t * t * cast('1.0' as double) /* power of two, from the bounds */ as bigint)) as double) as squares,
    min(x) as low,
    max(x) as high
from (
    select
        window_id,
        x,
        t,
        coalesce(cast(floor((t / (cast('1.0' as double) /* width, from the sample */ + abs(t)) + cast('1.0' as double)) * cast('4096.0' as double) /* half the bins, from the rows */) - 32760 as integer), cast(case
            when x is null and stored is not null then -32762
        end as integer)) as slot
    from (
        select
            window_id,
            stored,
            x,
            x - cast('0.0' as double) /* centre, from the sample */ as t
        from (
            select
                0 as window_id,
                "born" as stored,
                cast(extract(epoch from "born") as double) as x
            from "ml"."sco""red"
            where ("scored_at" >= cast('2026-02-23 00:00:00' as timestamp) and "scored_at" < cast('2026-03-02 00:00:00' as timestamp))
                and (amount >= 1 AND country <> 'test')
        ) as numbers
    ) as centred
) as binned
group by slot
union all
select
    1 as scan,
    3 as feature,
    0 as window_id,
    case when slot is null then -1 else cast(slot as integer) + 32760 end as bin,
    cast(count(*) as bigint) as n,
    cast(sum(cast(t * cast('1.0' as double) /* power of two, from the bounds */ as bigint)) as double) as total,
    cast(sum(cast(t * t * cast('1.0' as double) /* power of two, from the bounds */ as bigint)) as double) as squares,
    min(x) as low,
    max(x) as high
from (
    select
        window_id,
        x,
        t,
        coalesce(cast(floor((t / (cast('1.0' as double) /* width, from the sample */ + abs(t)) + cast('1.0' as double)) * cast('4096.0' as double) /* half the bins, from the rows */) - 32760 as integer), cast(case
            when x is null and stored is not null then -32762
        end as integer)) as slot
    from (
        select
            window_id,
            stored,
            x,
            x - cast('0.0' as double) /* centre, from the sample */ as t
        from (
            select
                0 as window_id,
                "born" as stored,
                cast(extract(epoch from "born") as double) as x
            from "ml"."training"
            where ("scored_at" >= cast('2026-01-01 00:00:00' as timestamp) and "scored_at" < cast('2026-02-01 00:00:00' as timestamp))
        ) as numbers
    ) as centred
) as binned
group by slot
union all
select
    0 as scan,
    11 as feature,
    0 as window_id,
    case when slot is null then -1 else cast(slot as integer) + 32760 end as bin,
    cast(count(*) as bigint) as n,
    cast(sum(try_cast(t * cast('1.0' as double) /* power of two, from the bounds */ as bigint)) as double) as total,
    cast(sum(try_cast(t * t * cast('1.0' as double) /* power of two, from the bounds */ as bigint)) as double) as squares,
    min(x) as low,
    max(x) as high
from (
    select
        window_id,
        x,
        t,
        coalesce(try_cast(floor((t / (cast('1.0' as double) /* width, from the sample */ + abs(t)) + cast('1.0' as double)) * cast('4096.0' as double) /* half the bins, from the rows */) - 32760 as integer), cast(case
            when x - x <> 0 then case
                when -x < cast('-1.7976931348623157e+308' as double) then -32765
                when x < cast('-1.7976931348623157e+308' as double) then -32764
                else -32763
            end
        end as integer)) as slot
    from (
        select
            window_id,
            stored,
            x,
            x - cast('0.0' as double) /* centre, from the sample */ as t
        from (
            select
                0 as window_id,
                "paid" as stored,
                cast("paid" as double) as x
            from driftline_joined_0
        ) as numbers
    ) as centred
) as binned
group by slot
union all
select
    1 as scan,
    11 as feature,
    0 as window_id,
    case when slot is null then -1 else cast(slot as integer) + 32760 end as bin,
    cast(count(*) as bigint) as n,
    cast(sum(try_cast(t * cast('1.0' as double) /* power of two, from the bounds */ as bigint)) as double) as total,
    cast(sum(try_cast(t * t * cast('1.0' as double) /* power of two, from the bounds */ as bigint)) as double) as squares,
    min(x) as low,
    max(x) as high
from (
    select
        window_id,
        x,
        t,
        coalesce(try_cast(floor((t / (cast('1.0' as double) /* width, from the sample */ + abs(t)) + cast('1.0' as double)) * cast('4096.0' as double) /* half the bins, from the rows */) - 32760 as integer), cast(case
            when x - x <> 0 then case
                when -x < cast('-1.7976931348623157e+308' as double) then -32765
                when x < cast('-1.7976931348623157e+308' as double) then -32764
                else -32763
            end
        end as integer)) as slot
    from (
        select
            window_id,
            stored,
            x,
            x - cast('0.0' as double) /* centre, from the sample */ as t
        from (
            select
                0 as window_id,
                "paid" as stored,
                cast("paid" as double) as x
            from driftline_joined_1
        ) as numbers
    ) as centred
) as binned
group by slot
union all
select
    0 as scan,
    12 as feature,
    0 as window_id,
    case when slot is null then -1 else cast(slot as integer) + 32760 end as bin,
    cast(count(*) as bigint) as n,
    cast(sum(try_cast(t * cast('1.0' as double) /* power of two, from the bounds */ as bigint)) as double) as total,
    cast(sum(try_cast(t * t * cast('1.0' as double) /* power of two, from the bounds */ as bigint)) as double) as squares,
    min(x) as low,
    max(x) as high
from (
    select
        window_id,
        x,
        t,
        coalesce(try_cast(floor((t / (cast('1.0' as double) /* width, from the sample */ + abs(t)) + cast('1.0' as double)) * cast('4096.0' as double) /* half the bins, from the rows */) - 32760 as integer), cast(case
            when x - x <> 0 then case
                when -x < cast('-1.7976931348623157e+308' as double) then -32765
                when x < cast('-1.7976931348623157e+308' as double) then -32764
                else -32763
            end
        end as integer)) as slot
    from (
        select
            window_id,
            stored,
            x,
            x - cast('0.0' as double) /* centre, from the sample */ as t
        from (
            select
                0 as window_id,
                "said" as stored,
                cast("said" as double) as x
            from "ml"."sco""red"
            where ("scored_at" >= cast('2026-02-23 00:00:00' as timestamp) and "scored_at" < cast('2026-03-02 00:00:00' as timestamp))
                and (amount >= 1 AND country <> 'test')
        ) as numbers
    ) as centred
) as binned
group by slot
union all
select
    1 as scan,
    12 as feature,
    0 as window_id,
    case when slot is null then -1 else cast(slot as integer) + 32760 end as bin,
    cast(count(*) as bigint) as n,
    cast(sum(try_cast(t * cast('1.0' as double) /* power of two, from the bounds */ as bigint)) as double) as total,
    cast(sum(try_cast(t * t * cast('1.0' as double) /* power of two, from the bounds */ as bigint)) as double) as squares,
    min(x) as low,
    max(x) as high
from (
    select
        window_id,
        x,
        t,
        coalesce(try_cast(floor((t / (cast('1.0' as double) /* width, from the sample */ + abs(t)) + cast('1.0' as double)) * cast('4096.0' as double) /* half the bins, from the rows */) - 32760 as integer), cast(case
            when x - x <> 0 then case
                when -x < cast('-1.7976931348623157e+308' as double) then -32765
                when x < cast('-1.7976931348623157e+308' as double) then -32764
                else -32763
            end
        end as integer)) as slot
    from (
        select
            window_id,
            stored,
            x,
            x - cast('0.0' as double) /* centre, from the sample */ as t
        from (
            select
                0 as window_id,
                "said" as stored,
                cast("said" as double) as x
            from "ml"."training"
            where ("scored_at" >= cast('2026-01-01 00:00:00' as timestamp) and "scored_at" < cast('2026-02-01 00:00:00' as timestamp))
        ) as numbers
    ) as centred
) as binned
group by slot
