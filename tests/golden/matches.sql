/* driftline monitor=everything step=matches */
select
    0 as match,
    0 as scan,
    window_id,
    segment,
    cast(sum(n) as bigint) as row_count,
    cast(sum(case when found > 0 then n else 0 end) as bigint) as matched,
    cast(sum(case when found > 1 then 1 else 0 end) as bigint) as repeated,
    cast(sum(case when found > 1 then found - 1 else 0 end) as bigint) as surplus
from (
    select
        asked.window_id,
        asked.segment,
        asked.n,
        count(case when others.hit = 1 then 1 end) as found
    from (
        select
            window_id,
            segment,
            key_0, key_1,
            count(*) as n
        from (
            select
                0 as window_id,
                '__all__' as segment,
                cast("request ""id""" as varchar) as key_0,
                "country" as key_1
            from "ml"."sco""red"
            where ("scored_at" >= cast('2026-02-23 00:00:00' as timestamp) and "scored_at" < cast('2026-03-02 00:00:00' as timestamp))
                and (amount >= 1 AND country <> 'test')
        ) as keyed
        group by window_id, segment, key_0, key_1
    ) as asked
    left join (
        select
            1 as hit,
            cast("request" as varchar) as key_0,
            "country" as key_1
        from "ml"."labels"
    ) as others
        on asked.key_0 = others.key_0 and asked.key_1 = others.key_1
    group by
        asked.window_id,
        asked.segment,
        asked.key_0,
        asked.key_1,
        asked.n
) as counted
group by window_id, segment
union all
select
    2 as match,
    1 as scan,
    window_id,
    segment,
    cast(sum(n) as bigint) as row_count,
    cast(sum(case when found > 0 then n else 0 end) as bigint) as matched,
    cast(sum(case when found > 1 then 1 else 0 end) as bigint) as repeated,
    cast(sum(case when found > 1 then found - 1 else 0 end) as bigint) as surplus
from (
    select
        asked.window_id,
        asked.segment,
        asked.n,
        count(case when others.hit = 1 then 1 end) as found
    from (
        select
            window_id,
            segment,
            key_0, key_1,
            count(*) as n
        from (
            select
                0 as window_id,
                '__all__' as segment,
                cast("request ""id""" as varchar) as key_0,
                "country" as key_1
            from "ml"."training"
            where ("scored_at" >= cast('2026-01-01 00:00:00' as timestamp) and "scored_at" < cast('2026-02-01 00:00:00' as timestamp))
        ) as keyed
        group by window_id, segment, key_0, key_1
    ) as asked
    left join (
        select
            1 as hit,
            cast("request" as varchar) as key_0,
            "country" as key_1
        from "ml"."labels"
    ) as others
        on asked.key_0 = others.key_0 and asked.key_1 = others.key_1
    group by
        asked.window_id,
        asked.segment,
        asked.key_0,
        asked.key_1,
        asked.n
) as counted
group by window_id, segment
;
/* driftline monitor=everything step=matches */
select
    1 as match,
    0 as scan,
    window_id,
    segment,
    cast(sum(n) as bigint) as row_count,
    cast(sum(case when found > 0 then n else 0 end) as bigint) as matched,
    cast(sum(case when found > 1 then 1 else 0 end) as bigint) as repeated,
    cast(sum(case when found > 1 then found - 1 else 0 end) as bigint) as surplus
from (
    select
        asked.window_id,
        asked.segment,
        asked.n,
        count(case when others.hit = 1 then 1 end) as found
    from (
        select
            window_id,
            segment,
            key_0,
            count(*) as n
        from (
            select
                0 as window_id,
                '__all__' as segment,
                "age" as key_0
            from "ml"."sco""red"
            where ("scored_at" >= cast('2026-02-23 00:00:00' as timestamp) and "scored_at" < cast('2026-03-02 00:00:00' as timestamp))
                and (amount >= 1 AND country <> 'test')
        ) as keyed
        group by window_id, segment, key_0
    ) as asked
    left join (
        select
            1 as hit,
            "a;b" as key_0
        from "ml"."pla'ns"
    ) as others
        on asked.key_0 = others.key_0
    group by
        asked.window_id,
        asked.segment,
        asked.key_0,
        asked.n
) as counted
group by window_id, segment
union all
select
    3 as match,
    1 as scan,
    window_id,
    segment,
    cast(sum(n) as bigint) as row_count,
    cast(sum(case when found > 0 then n else 0 end) as bigint) as matched,
    cast(sum(case when found > 1 then 1 else 0 end) as bigint) as repeated,
    cast(sum(case when found > 1 then found - 1 else 0 end) as bigint) as surplus
from (
    select
        asked.window_id,
        asked.segment,
        asked.n,
        count(case when others.hit = 1 then 1 end) as found
    from (
        select
            window_id,
            segment,
            key_0,
            count(*) as n
        from (
            select
                0 as window_id,
                '__all__' as segment,
                "age" as key_0
            from "ml"."training"
            where ("scored_at" >= cast('2026-01-01 00:00:00' as timestamp) and "scored_at" < cast('2026-02-01 00:00:00' as timestamp))
        ) as keyed
        group by window_id, segment, key_0
    ) as asked
    left join (
        select
            1 as hit,
            "a;b" as key_0
        from "ml"."pla'ns"
    ) as others
        on asked.key_0 = others.key_0
    group by
        asked.window_id,
        asked.segment,
        asked.key_0,
        asked.n
) as counted
group by window_id, segment
