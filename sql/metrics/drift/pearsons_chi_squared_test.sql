-- pearsons_chi_squared_test: probability of shares this different without drift
--
-- defines  value = P(X2 >= statistic), statistic = sum over cells of (a * m - b * n)^2 / (c * n * m)
--          a, b = rows of the reference, of production in the cell; c = a + b; n, m = their totals
-- reads    bins
-- param    pooled_below: float = 1 in (0, 5]; expected rows below which categories share a cell
-- returns  comparison; statistic: double in [0, inf); categories, and cells left of them;
--          smallest: the least expected count; inverse: sum over cells of 1 / c;
--          n_reference, n_production: rows counted
-- nulls    not counted; watch them with null_value_rate
-- source   Pearson (1900), doi:10.1080/14786440009463897; rare cells by the exact permutation moments
with

expected as (
    select
        comparison,
        bin,
        n_reference as a,
        n_production as b,
        sum(n_reference) over (partition by comparison) as n,
        sum(n_production) over (partition by comparison) as m,
        count(*) over (partition by comparison) as categories,
        (n_reference + n_production) * least(n, m) / (n + m) as e
    from bins
),

pooled as (
    select
        comparison,
        case when e < {{ pooled_below }} then -1 else bin end as cell,
        sum(a) as a,
        sum(b) as b,
        fsum(e order by bin) as e,
        any_value(n) as n,
        any_value(m) as m,
        any_value(categories) as categories
    from expected
    group by comparison, cell
),

-- a pool that is still too rare joins the smallest of the others, of equals the first bin
joined as (
    select
        comparison,
        case
            when min(e) over (partition by comparison) < {{ pooled_below }}
                and row_number() over (partition by comparison order by e, cell) <= 2 then -1
            else cell
        end as cell,
        a,
        b,
        e,
        n,
        m,
        categories
    from pooled
),

cells as (
    select
        comparison,
        cell,
        sum(a) as a,
        sum(b) as b,
        sum(e) as e,
        any_value(n) as n,
        any_value(m) as m,
        any_value(categories) as categories
    from joined
    group by comparison, cell
)

select
    comparison,
    fsum((a * m - b * n) / n * (a * m - b * n) / m / (a + b) order by cell) as statistic,
    any_value(categories) as categories,
    count(*) as cells,
    min(e) as smallest,
    fsum(1 / (a + b) order by cell) as inverse,
    any_value(n) as n_reference,
    any_value(m) as n_production
from cells
where n > 0 and m > 0
group by comparison
