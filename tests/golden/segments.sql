/* driftline monitor=segments step=segments */
select
    2 as scan,
    window_id,
    key_0 as key_0,
    cast(null as varchar) as key_1,
    n
from (
    select
        window_id,
        key_0,
        n,
        row_number() over (
            partition by window_id
            order by n desc, key_0
        ) as place
    from (
        select
            window_id,
            key_0,
            cast(count(*) as bigint) as n
        from (
            select
                0 as window_id,
                coalesce(cast("country" as varchar), '__null__') as key_0
            from "ml"."scored"
            where ("at" >= cast('2026-02-23 00:00:00' as timestamp) and "at" < cast('2026-03-02 00:00:00' as timestamp))
                and (x < 9)
        ) as production_by_segment_2
        group by window_id, key_0
    ) as counted
) as ranked
where place <= 10000
union all
select
    3 as scan,
    window_id,
    key_0 as key_0,
    cast(null as varchar) as key_1,
    n
from (
    select
        window_id,
        key_0,
        n,
        row_number() over (
            partition by window_id
            order by n desc, key_0
        ) as place
    from (
        select
            window_id,
            key_0,
            cast(count(*) as bigint) as n
        from (
            select
                0 as window_id,
                coalesce(cast("country" as varchar), '__null__') as key_0
            from "ml"."training"
        ) as reference_by_segment_3
        group by window_id, key_0
    ) as counted
) as ranked
where place <= 10000
union all
select
    4 as scan,
    window_id,
    cast(null as varchar) as key_0,
    cast(null as varchar) as key_1,
    n
from (
    select
        window_id,
        n,
        row_number() over (
            partition by window_id
            order by n desc
        ) as place
    from (
        select
            window_id,
            cast(count(*) as bigint) as n
        from (
            select
                0 as window_id
            from "ml"."scored"
            where ("at" >= cast('2026-02-23 00:00:00' as timestamp) and "at" < cast('2026-03-02 00:00:00' as timestamp))
                and (x < 9) and (x > 1)
        ) as production_by_segment_4
        group by window_id
    ) as counted
) as ranked
where place <= 10000
union all
select
    5 as scan,
    window_id,
    cast(null as varchar) as key_0,
    cast(null as varchar) as key_1,
    n
from (
    select
        window_id,
        n,
        row_number() over (
            partition by window_id
            order by n desc
        ) as place
    from (
        select
            window_id,
            cast(count(*) as bigint) as n
        from (
            select
                0 as window_id
            from "ml"."training"
            where (x > 1)
        ) as reference_by_segment_5
        group by window_id
    ) as counted
) as ranked
where place <= 10000
union all
select
    6 as scan,
    window_id,
    key_0 as key_0,
    key_1 as key_1,
    n
from (
    select
        window_id,
        key_0,
        key_1,
        n,
        row_number() over (
            partition by window_id
            order by n desc, key_0, key_1
        ) as place
    from (
        select
            window_id,
            key_0,
            key_1,
            cast(count(*) as bigint) as n
        from (
            select
                0 as window_id,
                coalesce(cast("country" as varchar), '__null__') as key_0,
                coalesce(case when case when "o""r" <= cast('1.7976931348623157e+308' as double) or -"o""r" < cast('-1.7976931348623157e+308' as double) then "o""r" end is not null then case when cast("o""r" as double) = floor(cast("o""r" as double)) and abs(cast("o""r" as double)) < cast('9e+18' as double) then cast(cast(cast("o""r" as double) as bigint) as varchar) else cast(cast("o""r" as double) as varchar) end end, '__null__') as key_1
            from "ml"."scored"
            where ("at" >= cast('2026-02-23 00:00:00' as timestamp) and "at" < cast('2026-03-02 00:00:00' as timestamp))
                and (x < 9)
        ) as production_by_segment_6
        group by window_id, key_0, key_1
    ) as counted
) as ranked
where place <= 10000
union all
select
    7 as scan,
    window_id,
    key_0 as key_0,
    key_1 as key_1,
    n
from (
    select
        window_id,
        key_0,
        key_1,
        n,
        row_number() over (
            partition by window_id
            order by n desc, key_0, key_1
        ) as place
    from (
        select
            window_id,
            key_0,
            key_1,
            cast(count(*) as bigint) as n
        from (
            select
                0 as window_id,
                coalesce(cast("country" as varchar), '__null__') as key_0,
                coalesce(case when case when "o""r" <= cast('1.7976931348623157e+308' as double) or -"o""r" < cast('-1.7976931348623157e+308' as double) then "o""r" end is not null then case when cast("o""r" as double) = floor(cast("o""r" as double)) and abs(cast("o""r" as double)) < cast('9e+18' as double) then cast(cast(cast("o""r" as double) as bigint) as varchar) else cast(cast("o""r" as double) as varchar) end end, '__null__') as key_1
            from "ml"."training"
        ) as reference_by_segment_7
        group by window_id, key_0, key_1
    ) as counted
) as ranked
where place <= 10000
