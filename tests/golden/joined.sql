/* driftline monitor=everything step=joined */
create or replace temp table driftline_joined_0 as
select
    case when join_0.hit = 1 then join_0.value_0 end as "churned",
    case when join_0.hit = 1 then join_0.value_1 end as "paid",
    case when join_1.hit = 1 then join_1.value_0 end as "tar""iff"
from (
    select
        cast("request ""id""" as varchar) as key_0_0,
        "country" as key_0_1,
        "age" as key_1_0
    from "ml"."sco""red"
    where ("scored_at" >= cast('2026-02-23 00:00:00' as timestamp) and "scored_at" < cast('2026-03-02 00:00:00' as timestamp))
        and (amount >= 1 AND country <> 'test')
) as ours
left join (
    select *
    from (
        select
            others.*,
            row_number() over (
                partition by others.key_0, others.key_1
                order by
                    case when others.moment is null then 1 else 0 end,
                    others.moment desc,
                    case when others.value_0 is null then 1 else 0 end,
                    cast(others.value_0 as varchar),
                    case when others.value_1 is null then 1 else 0 end,
                    cast(others.value_1 as varchar)
            ) as place
        from (
            select
                1 as hit,
                cast("request" as varchar) as key_0,
                "country" as key_1,
                "at" as moment,
                "churned" as value_0,
                "paid" as value_1
            from "ml"."labels"
        ) as others
        inner join (
            select key_0, key_1
            from (
                select
                    cast("request ""id""" as varchar) as key_0,
                    "country" as key_1
                from "ml"."sco""red"
                where ("scored_at" >= cast('2026-02-23 00:00:00' as timestamp) and "scored_at" < cast('2026-03-02 00:00:00' as timestamp))
                    and (amount >= 1 AND country <> 'test')
            ) as keyed
            group by key_0, key_1
        ) as asked
            on asked.key_0 = others.key_0 and asked.key_1 = others.key_1
    ) as ranked
    where place = 1
) as join_0
    on ours.key_0_0 = join_0.key_0 and ours.key_0_1 = join_0.key_1
left join (
    select
        1 as hit,
        "a;b" as key_0,
        "tar""iff" as value_0
    from "ml"."pla'ns"
) as join_1
    on ours.key_1_0 = join_1.key_0
;
/* driftline monitor=everything step=joined */
create or replace temp table driftline_joined_1 as
select
    case when join_0.hit = 1 then join_0.value_0 end as "churned",
    case when join_0.hit = 1 then join_0.value_1 end as "paid",
    case when join_1.hit = 1 then join_1.value_0 end as "tar""iff"
from (
    select
        cast("request ""id""" as varchar) as key_0_0,
        "country" as key_0_1,
        "age" as key_1_0
    from "ml"."training"
    where ("scored_at" >= cast('2026-01-01 00:00:00' as timestamp) and "scored_at" < cast('2026-02-01 00:00:00' as timestamp))
) as ours
left join (
    select *
    from (
        select
            others.*,
            row_number() over (
                partition by others.key_0, others.key_1
                order by
                    case when others.moment is null then 1 else 0 end,
                    others.moment desc,
                    case when others.value_0 is null then 1 else 0 end,
                    cast(others.value_0 as varchar),
                    case when others.value_1 is null then 1 else 0 end,
                    cast(others.value_1 as varchar)
            ) as place
        from (
            select
                1 as hit,
                cast("request" as varchar) as key_0,
                "country" as key_1,
                "at" as moment,
                "churned" as value_0,
                "paid" as value_1
            from "ml"."labels"
        ) as others
        inner join (
            select key_0, key_1
            from (
                select
                    cast("request ""id""" as varchar) as key_0,
                    "country" as key_1
                from "ml"."training"
                where ("scored_at" >= cast('2026-01-01 00:00:00' as timestamp) and "scored_at" < cast('2026-02-01 00:00:00' as timestamp))
            ) as keyed
            group by key_0, key_1
        ) as asked
            on asked.key_0 = others.key_0 and asked.key_1 = others.key_1
    ) as ranked
    where place = 1
) as join_0
    on ours.key_0_0 = join_0.key_0 and ours.key_0_1 = join_0.key_1
left join (
    select
        1 as hit,
        "a;b" as key_0,
        "tar""iff" as value_0
    from "ml"."pla'ns"
) as join_1
    on ours.key_1_0 = join_1.key_0
