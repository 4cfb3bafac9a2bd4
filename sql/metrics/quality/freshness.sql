-- freshness: how old the newest row is when its window ends
--
-- defines  value = end of the window - newest timestamp in it, in seconds; of a date column, its
--          midnight
-- reads    comparisons, pairs, arrivals, windows
-- returns  comparison; value: double, seconds, in [0, inf)
-- nulls    rows without a timestamp are in no window
-- source   Driftline's own
select
    comparisons.comparison,
    windows.window_end - arrivals.newest as value
from comparisons
inner join pairs on pairs.pair = comparisons.pair
inner join windows on windows.window_id = pairs.production_window
inner join arrivals
    on arrivals.scan = pairs.production_scan and arrivals.window_id = pairs.production_window
    and arrivals.segment = pairs.segment
