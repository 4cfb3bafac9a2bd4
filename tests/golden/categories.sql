/* driftline monitor=everything step=categories */
with
counted_4 as (
    select
        0 as scan,
        0 as window_id,
        '__all__' as segment,
        category,
        fault,
        cast(sum(n) as bigint) as n
    from (
        select
            cast("stored" as varchar) as category,
            case
                when "stored" is null then 'null'
                when "stored" is null then 'nan'
                when cast("stored" as varchar) is null then 'type_error'
            end as fault,
            n
        from (
            select
                "stored",
                count(*) as n
            from (
                select
                    0 as window_id,
                    "country" as "stored"
                from "ml"."sco""red"
                where ("scored_at" >= cast('2026-02-23 00:00:00' as timestamp) and "scored_at" < cast('2026-03-02 00:00:00' as timestamp))
                    and (amount >= 1 AND country <> 'test')
            ) as texts
            group by "stored"
        ) as stored_values
    ) as checked
    group by category, fault
    union all
    select
        1 as scan,
        0 as window_id,
        '__all__' as segment,
        category,
        fault,
        cast(sum(n) as bigint) as n
    from (
        select
            cast("stored" as varchar) as category,
            case
                when "stored" is null then 'null'
                when "stored" is null then 'nan'
                when cast("stored" as varchar) is null then 'type_error'
            end as fault,
            n
        from (
            select
                "stored",
                count(*) as n
            from (
                select
                    0 as window_id,
                    "country" as "stored"
                from "ml"."training"
                where ("scored_at" >= cast('2026-01-01 00:00:00' as timestamp) and "scored_at" < cast('2026-02-01 00:00:00' as timestamp))
            ) as texts
            group by "stored"
        ) as stored_values
    ) as checked
    group by category, fault
),
matched_4 as (
    select
        scan,
        window_id,
        segment,
        category,
        fault,
        n,
        sum(case when scan = 1 and fault is null then n end) over (
            partition by category
        ) as n_known
    from counted_4
),
placed_4 as (
    select
        scan,
        window_id,
        segment,
        category,
        n,
        case
            when fault is not null then fault
            when n_known is null then 'new'
            when dense_rank() over (
                order by case when n_known is null then 1 else 0 end, n_known desc, category
            ) <= 1000 then 'category'
            else 'other'
        end as kind
    from matched_4
),
ranked_4 as (
    select
        scan,
        window_id,
        segment,
        category,
        n,
        kind,
        row_number() over (
            partition by scan, window_id, segment, kind
            order by n desc, category
        ) as position
    from placed_4
),
named_4 as (
    select
        scan,
        window_id,
        segment,
        kind,
        case
            when kind = 'category' then category
            when kind = 'new' and position <= 10 then category
        end as value,
        n
    from ranked_4
),
counted_5 as (
    select
        0 as scan,
        0 as window_id,
        '__all__' as segment,
        category,
        fault,
        cast(sum(n) as bigint) as n
    from (
        select
            case when "stored" then 'true' when not "stored" then 'false' end as category,
            case
                when "stored" is null then 'null'
                when "stored" is null then 'nan'
                when case when "stored" then 'true' when not "stored" then 'false' end is null then 'type_error'
            end as fault,
            n
        from (
            select
                "stored",
                count(*) as n
            from (
                select
                    0 as window_id,
                    "member" as "stored"
                from "ml"."sco""red"
                where ("scored_at" >= cast('2026-02-23 00:00:00' as timestamp) and "scored_at" < cast('2026-03-02 00:00:00' as timestamp))
                    and (amount >= 1 AND country <> 'test')
            ) as texts
            group by "stored"
        ) as stored_values
    ) as checked
    group by category, fault
    union all
    select
        1 as scan,
        0 as window_id,
        '__all__' as segment,
        category,
        fault,
        cast(sum(n) as bigint) as n
    from (
        select
            case when "stored" then 'true' when not "stored" then 'false' end as category,
            case
                when "stored" is null then 'null'
                when "stored" is null then 'nan'
                when case when "stored" then 'true' when not "stored" then 'false' end is null then 'type_error'
            end as fault,
            n
        from (
            select
                "stored",
                count(*) as n
            from (
                select
                    0 as window_id,
                    "member" as "stored"
                from "ml"."training"
                where ("scored_at" >= cast('2026-01-01 00:00:00' as timestamp) and "scored_at" < cast('2026-02-01 00:00:00' as timestamp))
            ) as texts
            group by "stored"
        ) as stored_values
    ) as checked
    group by category, fault
),
matched_5 as (
    select
        scan,
        window_id,
        segment,
        category,
        fault,
        n,
        sum(case when scan = 1 and fault is null then n end) over (
            partition by category
        ) as n_known
    from counted_5
),
placed_5 as (
    select
        scan,
        window_id,
        segment,
        category,
        n,
        case
            when fault is not null then fault
            when n_known is null then 'new'
            when dense_rank() over (
                order by case when n_known is null then 1 else 0 end, n_known desc, category
            ) <= 1000 then 'category'
            else 'other'
        end as kind
    from matched_5
),
ranked_5 as (
    select
        scan,
        window_id,
        segment,
        category,
        n,
        kind,
        row_number() over (
            partition by scan, window_id, segment, kind
            order by n desc, category
        ) as position
    from placed_5
),
named_5 as (
    select
        scan,
        window_id,
        segment,
        kind,
        case
            when kind = 'category' then category
            when kind = 'new' and position <= 10 then category
        end as value,
        n
    from ranked_5
),
counted_6 as (
    select
        0 as scan,
        0 as window_id,
        '__all__' as segment,
        category,
        fault,
        cast(sum(n) as bigint) as n
    from (
        select
            cast("stored" as varchar) as category,
            case
                when "stored" is null then 'null'
                when "stored" is null then 'nan'
                when cast("stored" as varchar) is null then 'type_error'
            end as fault,
            n
        from (
            select
                "stored",
                count(*) as n
            from (
                select
                    0 as window_id,
                    "grade" as "stored"
                from "ml"."sco""red"
                where ("scored_at" >= cast('2026-02-23 00:00:00' as timestamp) and "scored_at" < cast('2026-03-02 00:00:00' as timestamp))
                    and (amount >= 1 AND country <> 'test')
            ) as texts
            group by "stored"
        ) as stored_values
    ) as checked
    group by category, fault
    union all
    select
        1 as scan,
        0 as window_id,
        '__all__' as segment,
        category,
        fault,
        cast(sum(n) as bigint) as n
    from (
        select
            cast("stored" as varchar) as category,
            case
                when "stored" is null then 'null'
                when "stored" is null then 'nan'
                when cast("stored" as varchar) is null then 'type_error'
            end as fault,
            n
        from (
            select
                "stored",
                count(*) as n
            from (
                select
                    0 as window_id,
                    "grade" as "stored"
                from "ml"."training"
                where ("scored_at" >= cast('2026-01-01 00:00:00' as timestamp) and "scored_at" < cast('2026-02-01 00:00:00' as timestamp))
            ) as texts
            group by "stored"
        ) as stored_values
    ) as checked
    group by category, fault
),
matched_6 as (
    select
        scan,
        window_id,
        segment,
        category,
        fault,
        n,
        sum(case when scan = 1 and fault is null then n end) over (
            partition by category
        ) as n_known
    from counted_6
),
placed_6 as (
    select
        scan,
        window_id,
        segment,
        category,
        n,
        case
            when fault is not null then fault
            when n_known is null then 'new'
            when dense_rank() over (
                order by case when n_known is null then 1 else 0 end, n_known desc, category
            ) <= 1000 then 'category'
            else 'other'
        end as kind
    from matched_6
),
ranked_6 as (
    select
        scan,
        window_id,
        segment,
        category,
        n,
        kind,
        row_number() over (
            partition by scan, window_id, segment, kind
            order by n desc, category
        ) as position
    from placed_6
),
named_6 as (
    select
        scan,
        window_id,
        segment,
        kind,
        case
            when kind = 'category' then category
            when kind = 'new' and position <= 10 then category
        end as value,
        n
    from ranked_6
),
counted_8 as (
    select
        0 as scan,
        0 as window_id,
        '__all__' as segment,
        category,
        fault,
        cast(sum(n) as bigint) as n
    from (
        select
            cast("stored" as varchar) as category,
            case
                when "stored" is null then 'null'
                when "stored" is null then 'nan'
                when cast("stored" as varchar) is null then 'type_error'
            end as fault,
            n
        from (
            select
                "stored",
                count(*) as n
            from (
                select
                    0 as window_id,
                    "it's ""odd""; drop" as "stored"
                from "ml"."sco""red"
                where ("scored_at" >= cast('2026-02-23 00:00:00' as timestamp) and "scored_at" < cast('2026-03-02 00:00:00' as timestamp))
                    and (amount >= 1 AND country <> 'test')
            ) as texts
            group by "stored"
        ) as stored_values
    ) as checked
    group by category, fault
    union all
    select
        1 as scan,
        0 as window_id,
        '__all__' as segment,
        category,
        fault,
        cast(sum(n) as bigint) as n
    from (
        select
            cast("stored" as varchar) as category,
            case
                when "stored" is null then 'null'
                when "stored" is null then 'nan'
                when cast("stored" as varchar) is null then 'type_error'
            end as fault,
            n
        from (
            select
                "stored",
                count(*) as n
            from (
                select
                    0 as window_id,
                    "it's ""odd""; drop" as "stored"
                from "ml"."training"
                where ("scored_at" >= cast('2026-01-01 00:00:00' as timestamp) and "scored_at" < cast('2026-02-01 00:00:00' as timestamp))
            ) as texts
            group by "stored"
        ) as stored_values
    ) as checked
    group by category, fault
),
matched_8 as (
    select
        scan,
        window_id,
        segment,
        category,
        fault,
        n,
        sum(case when scan = 1 and fault is null then n end) over (
            partition by category
        ) as n_known
    from counted_8
),
placed_8 as (
    select
        scan,
        window_id,
        segment,
        category,
        n,
        case
            when fault is not null then fault
            when n_known is null then 'new'
            when dense_rank() over (
                order by case when n_known is null then 1 else 0 end, n_known desc, category
            ) <= 1000 then 'category'
            else 'other'
        end as kind
    from matched_8
),
ranked_8 as (
    select
        scan,
        window_id,
        segment,
        category,
        n,
        kind,
        row_number() over (
            partition by scan, window_id, segment, kind
            order by n desc, category
        ) as position
    from placed_8
),
named_8 as (
    select
        scan,
        window_id,
        segment,
        kind,
        case
            when kind = 'category' then category
            when kind = 'new' and position <= 10 then category
        end as value,
        n
    from ranked_8
),
counted_9 as (
    select
        0 as scan,
        0 as window_id,
        '__all__' as segment,
        category,
        fault,
        cast(sum(n) as bigint) as n
    from (
        select
            case when "stored" then 'true' when not "stored" then 'false' end as category,
            case
                when "stored" is null then 'null'
                when "stored" is null then 'nan'
                when case when "stored" then 'true' when not "stored" then 'false' end is null then 'type_error'
            end as fault,
            n
        from (
            select
                "stored",
                count(*) as n
            from (
                select
                    0 as window_id,
                    "churned" as "stored"
                from driftline_joined_0
            ) as texts
            group by "stored"
        ) as stored_values
    ) as checked
    group by category, fault
    union all
    select
        1 as scan,
        0 as window_id,
        '__all__' as segment,
        category,
        fault,
        cast(sum(n) as bigint) as n
    from (
        select
            case when "stored" then 'true' when not "stored" then 'false' end as category,
            case
                when "stored" is null then 'null'
                when "stored" is null then 'nan'
                when case when "stored" then 'true' when not "stored" then 'false' end is null then 'type_error'
            end as fault,
            n
        from (
            select
                "stored",
                count(*) as n
            from (
                select
                    0 as window_id,
                    "churned" as "stored"
                from driftline_joined_1
            ) as texts
            group by "stored"
        ) as stored_values
    ) as checked
    group by category, fault
),
matched_9 as (
    select
        scan,
        window_id,
        segment,
        category,
        fault,
        n,
        sum(case when scan = 1 and fault is null then n end) over (
            partition by category
        ) as n_known
    from counted_9
),
placed_9 as (
    select
        scan,
        window_id,
        segment,
        category,
        n,
        case
            when fault is not null then fault
            when n_known is null then 'new'
            when dense_rank() over (
                order by case when n_known is null then 1 else 0 end, n_known desc, category
            ) <= 1000 then 'category'
            else 'other'
        end as kind
    from matched_9
),
ranked_9 as (
    select
        scan,
        window_id,
        segment,
        category,
        n,
        kind,
        row_number() over (
            partition by scan, window_id, segment, kind
            order by n desc, category
        ) as position
    from placed_9
),
named_9 as (
    select
        scan,
        window_id,
        segment,
        kind,
        case
            when kind = 'category' then category
            when kind = 'new' and position <= 10 then category
        end as value,
        n
    from ranked_9
),
counted_10 as (
    select
        0 as scan,
        0 as window_id,
        '__all__' as segment,
        category,
        fault,
        cast(sum(n) as bigint) as n
    from (
        select
            cast("stored" as varchar) as category,
            case
                when "stored" is null then 'null'
                when "stored" is null then 'nan'
                when cast("stored" as varchar) is null then 'type_error'
            end as fault,
            n
        from (
            select
                "stored",
                count(*) as n
            from (
                select
                    0 as window_id,
                    "tar""iff" as "stored"
                from driftline_joined_0
            ) as texts
            group by "stored"
        ) as stored_values
    ) as checked
    group by category, fault
    union all
    select
        1 as scan,
        0 as window_id,
        '__all__' as segment,
        category,
        fault,
        cast(sum(n) as bigint) as n
    from (
        select
            cast("stored" as varchar) as category,
            case
                when "stored" is null then 'null'
                when "stored" is null then 'nan'
                when cast("stored" as varchar) is null then 'type_error'
            end as fault,
            n
        from (
            select
                "stored",
                count(*) as n
            from (
                select
                    0 as window_id,
                    "tar""iff" as "stored"
                from driftline_joined_1
            ) as texts
            group by "stored"
        ) as stored_values
    ) as checked
    group by category, fault
),
matched_10 as (
    select
        scan,
        window_id,
        segment,
        category,
        fault,
        n,
        sum(case when scan = 1 and fault is null then n end) over (
            partition by category
        ) as n_known
    from counted_10
),
placed_10 as (
    select
        scan,
        window_id,
        segment,
        category,
        n,
        case
            when fault is not null then fault
            when n_known is null then 'new'
            when dense_rank() over (
                order by case when n_known is null then 1 else 0 end, n_known desc, category
            ) <= 1000 then 'category'
            else 'other'
        end as kind
    from matched_10
),
ranked_10 as (
    select
        scan,
        window_id,
        segment,
        category,
        n,
        kind,
        row_number() over (
            partition by scan, window_id, segment, kind
            order by n desc, category
        ) as position
    from placed_10
),
named_10 as (
    select
        scan,
        window_id,
        segment,
        kind,
        case
            when kind = 'category' then category
            when kind = 'new' and position <= 10 then category
        end as value,
        n
    from ranked_10
)
select
    scan,
    4 as feature,
    window_id,
    segment,
    kind,
    value,
    cast(sum(n) as bigint) as n,
    cast(count(*) as bigint) as distinct_count,
    cast(sum(case when n = 1 then 1 else 0 end) as bigint) as once,
    cast(null as bigint) as allowed
from named_4
group by scan, window_id, segment, kind, value
union all
select
    scan,
    5 as feature,
    window_id,
    segment,
    kind,
    value,
    cast(sum(n) as bigint) as n,
    cast(count(*) as bigint) as distinct_count,
    cast(sum(case when n = 1 then 1 else 0 end) as bigint) as once,
    cast(null as bigint) as allowed
from named_5
group by scan, window_id, segment, kind, value
union all
select
    scan,
    6 as feature,
    window_id,
    segment,
    kind,
    value,
    cast(sum(n) as bigint) as n,
    cast(count(*) as bigint) as distinct_count,
    cast(sum(case when n = 1 then 1 else 0 end) as bigint) as once,
    cast(null as bigint) as allowed
from named_6
group by scan, window_id, segment, kind, value
union all
select
    scan,
    8 as feature,
    window_id,
    segment,
    kind,
    value,
    cast(sum(n) as bigint) as n,
    cast(count(*) as bigint) as distinct_count,
    cast(sum(case when n = 1 then 1 else 0 end) as bigint) as once,
    cast(null as bigint) as allowed
from named_8
group by scan, window_id, segment, kind, value
union all
select
    scan,
    9 as feature,
    window_id,
    segment,
    kind,
    value,
    cast(sum(n) as bigint) as n,
    cast(count(*) as bigint) as distinct_count,
    cast(sum(case when n = 1 then 1 else 0 end) as bigint) as once,
    cast(null as bigint) as allowed
from named_9
group by scan, window_id, segment, kind, value
union all
select
    scan,
    10 as feature,
    window_id,
    segment,
    kind,
    value,
    cast(sum(n) as bigint) as n,
    cast(count(*) as bigint) as distinct_count,
    cast(sum(case when n = 1 then 1 else 0 end) as bigint) as once,
    cast(null as bigint) as allowed
from named_10
group by scan, window_id, segment, kind, value
