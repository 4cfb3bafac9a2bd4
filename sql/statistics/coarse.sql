-- coarse: every numerical comparison in at most 256 cells, which is all that permuting rows needs
--
-- A cell ends where the pooled share P, or the area A(x) = integral of sqrt(P (1 - P)), passes a
-- multiple of 1/128 of its whole: fine where rows are, and fine where a far tail weighs. Infinities
-- stay apart as the first and last cell.
--
-- reads    steps
-- returns  comparison; x: the mean of the cell's rows; n_reference, n_production; values_: steps in
--          the cell; whole: whether every step in it is a single value
with

climbs as (
    select
        *,
        sum(n_reference + n_production) over so_far
            / sum(n_reference + n_production) over everything as p
    from steps
    where isfinite(low)
    window
        everything as (partition by comparison),
        so_far as (partition by comparison order by low rows unbounded preceding)
),

areas as (
    select
        *,
        -- a quarter of every width, because the widest leave the range of a double
        sum(sqrt(greatest(p * (1 - p), 0)) * (
            case when isfinite(next_low) then next_low / 4 else high / 4 end - low / 4
        )) over (partition by comparison order by low rows unbounded preceding) as area
    from climbs
),

cut as (
    select
        *,
        ceil(128 * p) as by_share,
        ceil(128 * (area / nullif(max(area) over (partition by comparison), 0))) as by_area
    from areas
),

weighed as (
    select
        *,
        sum(n_reference + n_production) over (partition by comparison, by_share, by_area) as rows_
    from cut
)

select
    comparison,
    fsum(
        high * ((n_reference + n_production) / rows_) - (room_reference + room_production) / rows_
        order by low
    ) as x,
    sum(n_reference) as n_reference,
    sum(n_production) as n_production,
    count(*) as values_,
    count(bin) = 0 as whole
from weighed
group by comparison, by_share, by_area
union all
select
    comparison,
    low,
    n_reference,
    n_production,
    1,
    true
from steps
where not isfinite(low)
order by comparison, x
