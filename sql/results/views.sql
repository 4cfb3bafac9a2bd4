-- The views of the result tables, versioned with them: what a dashboard asks first.
--
-- "Newest window" is, for each monitor, the one that ends last; of two that end together, the one
-- computed last. "Whole population" is segment __all__.

-- A signal that waits for late labels looks at an older window than its monitor. Its newest rows
-- belong here too, as long as the run that wrote them also wrote the monitor's newest window, or a part
-- of them was computed after it: so a signal that was removed from the project does not linger. The match rate of a join with a delay is of
-- an older window than the other rows of its signal, and likewise.
create view latest_metrics as
with

monitor_windows as (
    select
        monitor,
        window_start,
        window_end,
        row_number() over (
            partition by monitor
            order by window_end desc, max(computed_at) desc, window_start desc
        ) as place
    from metrics
    group by monitor, window_start, window_end
),

signal_windows as (
    select
        monitor,
        signal,
        joined,
        window_start,
        window_end,
        max(computed_at) as last_at,
        row_number() over (
            partition by monitor, signal, joined
            order by window_end desc, max(computed_at) desc, window_start desc
        ) as place
    from (
        select
            monitor,
            signal,
            case when metric = 'match_rate' then feature else '' end as joined,
            window_start,
            window_end,
            computed_at
        from metrics
    ) as keyed
    group by monitor, signal, joined, window_start, window_end
),

newest_runs as (
    select distinct
        metrics.monitor,
        metrics.run_id
    from metrics
    inner join monitor_windows
        on monitor_windows.monitor = metrics.monitor
        and monitor_windows.window_start = metrics.window_start
        and monitor_windows.window_end = metrics.window_end
    where monitor_windows.place = 1
),

newest_times as (
    select
        metrics.monitor,
        min(metrics.computed_at) as first_at
    from metrics
    inner join monitor_windows
        on monitor_windows.monitor = metrics.monitor
        and monitor_windows.window_start = metrics.window_start
        and monitor_windows.window_end = metrics.window_end
    where monitor_windows.place = 1
    group by metrics.monitor
)

select
    metrics.metric_id,
    metrics.run_id,
    metrics.monitor,
    metrics.model,
    metrics.model_version,
    metrics.signal,
    metrics.signal_type,
    metrics.metric,
    metrics.feature,
    metrics.feature_type,
    metrics.segment,
    metrics.window_start,
    metrics.window_end,
    metrics.window_date,
    metrics.reference,
    metrics.reference_id,
    metrics.reference_start,
    metrics.reference_end,
    metrics.value,
    metrics.value_low,
    metrics.value_high,
    metrics.statistic,
    metrics.effect,
    metrics.p_value,
    metrics.q_value,
    metrics.ci_low,
    metrics.ci_high,
    metrics.reference_value,
    metrics.threshold,
    metrics.threshold_kind,
    metrics.direction,
    metrics.breached,
    metrics.status,
    metrics.severity,
    metrics.score,
    metrics.reason,
    metrics.summary,
    metrics.n_reference,
    metrics.n_production,
    metrics.bins,
    metrics.importance,
    metrics.importance_rank,
    metrics.computed_at
from metrics
inner join signal_windows
    on signal_windows.monitor = metrics.monitor
    and signal_windows.signal = metrics.signal
    and signal_windows.joined
        = case when metrics.metric = 'match_rate' then metrics.feature else '' end
    and signal_windows.window_start = metrics.window_start
    and signal_windows.window_end = metrics.window_end
inner join monitor_windows
    on monitor_windows.monitor = metrics.monitor
left join newest_runs
    on newest_runs.monitor = metrics.monitor
    and newest_runs.run_id = metrics.run_id
inner join newest_times
    on newest_times.monitor = metrics.monitor
where
    signal_windows.place = 1
    and monitor_windows.place = 1
    and (
        (
            metrics.window_start = monitor_windows.window_start
            and metrics.window_end = monitor_windows.window_end
        )
        or newest_runs.run_id is not null
        or signal_windows.last_at > newest_times.first_at
    );

comment on view latest_metrics is
    'The rows of metrics that belong to each monitor''s newest window';
comment on column latest_metrics.metric_id is
    'First 32 hex digits of the SHA-256 of the key columns';
comment on column latest_metrics.run_id is 'Run that wrote the row';
comment on column latest_metrics.monitor is 'Name of the monitor';
comment on column latest_metrics.model is 'Name of the model';
comment on column latest_metrics.model_version is 'Version of the model';
comment on column latest_metrics.signal is 'Signal the metric belongs to';
comment on column latest_metrics.signal_type is
    'Type of the signal, such as data_drift or data_quality';
comment on column latest_metrics.metric is 'Name of the metric, described in metric_definitions';
comment on column latest_metrics.feature is
    'Watched column (or class, or join name); __all__ is the whole dataset';
comment on column latest_metrics.feature_type is 'numerical or categorical; null for dataset rows';
comment on column latest_metrics.segment is
    'Part of the population, such as origin=JFK; __all__ is everyone';
comment on column latest_metrics.window_start is 'Start of the production window, UTC, inclusive';
comment on column latest_metrics.window_end is 'End of the production window, UTC, exclusive';
comment on column latest_metrics.window_date is 'UTC date of the last microsecond of the window';
comment on column latest_metrics.reference is
    'Name of the reference compared with; __all__ is none';
comment on column latest_metrics.reference_id is
    'Hash of the definition of the reference, frozen bins included';
comment on column latest_metrics.reference_start is
    'Start of the reference window, UTC, inclusive; null when open';
comment on column latest_metrics.reference_end is
    'End of the reference window, UTC, exclusive; null when open';
comment on column latest_metrics.value is
    'What is compared with threshold; null when it could not be computed';
comment on column latest_metrics.value_low is
    'Certified lower bound of value; equal to it when exact';
comment on column latest_metrics.value_high is
    'Certified upper bound of value; equal to it when exact';
comment on column latest_metrics.statistic is
    'The measure behind a p-value: D, chi-squared, a distance';
comment on column latest_metrics.effect is
    'Size of the change whatever the row count: D, Cramer V, or the distance';
comment on column latest_metrics.p_value is
    'Probability of a change this large without drift, in [0, 1]';
comment on column latest_metrics.q_value is
    'p_value corrected for the number of features tested, in [0, 1]';
comment on column latest_metrics.ci_low is 'Lower end of the 95 % interval of the population value';
comment on column latest_metrics.ci_high is
    'Upper end of the 95 % interval of the population value';
comment on column latest_metrics.reference_value is
    'The same measure on the reference, where it has one';
comment on column latest_metrics.threshold is
    'The bound value must not pass; null when nothing is judged';
comment on column latest_metrics.threshold_kind is
    'How the threshold was written: max, min, increase or decrease';
comment on column latest_metrics.direction is 'Which values are worse: higher or lower';
comment on column latest_metrics.breached is
    'Whether value is strictly beyond threshold; false where either is null';
comment on column latest_metrics.status is
    'ok, warning, breached, inconclusive, insufficient_data, not_computable or error';
comment on column latest_metrics.severity is
    'warning, high (breached) or critical (no rows, or score at least 3); else null';
comment on column latest_metrics.score is
    'Distance towards the threshold in [0, 10]; 1 is at the threshold';
comment on column latest_metrics.reason is 'Why the status is what it is, or what was left out';
comment on column latest_metrics.summary is 'One sentence on what changed';
comment on column latest_metrics.n_reference is 'Reference rows counted';
comment on column latest_metrics.n_production is 'Production rows counted';
comment on column latest_metrics.bins is 'Bins or categories the value was computed on';
comment on column latest_metrics.importance is 'Importance of the feature in the reference';
comment on column latest_metrics.importance_rank is
    'Rank of that importance; 1 is the most important';
comment on column latest_metrics.computed_at is 'When the row was computed, UTC';

create view monitor_status as
with

last_runs as (
    select
        monitor,
        model,
        started_at,
        status,
        error,
        row_number() over (partition by monitor order by started_at desc, run_id desc) as place
    from runs
),

all_monitors as (
    select monitor from monitors
    union
    select monitor from runs
),

newest as (
    select
        monitor,
        max(window_end) as window_end,
        max(case when metric = 'row_count' and feature = '__all__' then value end) as row_count,
        count(distinct case when is_feature = 1 then feature end) as feature_count,
        count(distinct case when is_feature = 1 and status = 'breached' then feature end)
            as breached_features
    from (
        select
            latest_metrics.*,
            case
                when feature = '__all__' then 0
                when metric in ('match_rate', 'label_coverage', 'new_column') then 0
                when signal_type = 'model_performance' then 0
                else 1
            end as is_feature
        from latest_metrics
        where segment = '__all__'
    ) as whole_population
    group by monitor
),

open_counts as (
    select
        monitor,
        count(*) as open_count
    from alerts
    where closed_at is null
    group by monitor
),

worst as (
    select
        monitor,
        feature,
        score,
        summary,
        row_number() over (
            partition by monitor
            order by
                case status
                    when 'breached' then 0
                    when 'warning' then 1
                    when 'inconclusive' then 2
                    when 'ok' then 3
                    else 4
                end,
                case when score is null then 1 else 0 end,
                score desc,
                feature,
                metric,
                signal,
                reference
        ) as place
    from latest_metrics
    where segment = '__all__'
)

select
    all_monitors.monitor,
    coalesce(monitors.model, last_runs.model) as model,
    monitors.owner,
    last_runs.started_at as last_run_at,
    last_runs.status as last_status,
    newest.window_end,
    cast(newest.row_count as bigint) as row_count,
    cast(coalesce(newest.feature_count, 0) as bigint) as feature_count,
    cast(coalesce(newest.breached_features, 0) as bigint) as breached_features,
    cast(coalesce(open_counts.open_count, 0) as bigint) as open_alerts,
    worst.feature as worst_feature,
    worst.score as worst_score,
    case
        when last_runs.status = 'failed' and last_runs.error is not null then last_runs.error
        else worst.summary
    end as summary
from all_monitors
left join monitors
    on monitors.monitor = all_monitors.monitor
left join last_runs
    on last_runs.monitor = all_monitors.monitor
    and last_runs.place = 1
left join newest
    on newest.monitor = all_monitors.monitor
left join open_counts
    on open_counts.monitor = all_monitors.monitor
left join worst
    on worst.monitor = all_monitors.monitor
    and worst.place = 1;

comment on view monitor_status is
    'One row per monitor: its last run and the state of its newest window';
comment on column monitor_status.monitor is 'Name of the monitor in the project file';
comment on column monitor_status.model is 'Name of the model it watches';
comment on column monitor_status.owner is 'Who answers for the model';
comment on column monitor_status.last_run_at is 'When the last run began, UTC';
comment on column monitor_status.last_status is
    'Status of the last run: succeeded, partial or failed';
comment on column monitor_status.window_end is
    'End of the newest window, UTC, exclusive; null before the first result';
comment on column monitor_status.row_count is 'Rows of production in the newest window';
comment on column monitor_status.feature_count is
    'Features and outputs measured in the newest window, whole population';
comment on column monitor_status.breached_features is
    'Of these, those with a row whose status is breached';
comment on column monitor_status.open_alerts is 'Incidents that are not closed';
comment on column monitor_status.worst_feature is
    'Feature of the worst row of the newest window; __all__ is the whole dataset';
comment on column monitor_status.worst_score is
    'Score of that row in [0, 10]; 1 is at the threshold';
comment on column monitor_status.summary is 'What changed most, or why the last run failed';

create view metric_trend as
with

ordered as (
    select
        monitor,
        model,
        model_version,
        signal,
        signal_type,
        metric,
        feature,
        feature_type,
        segment,
        window_start,
        window_end,
        window_date,
        reference,
        value,
        value_low,
        value_high,
        reference_value,
        threshold,
        direction,
        breached,
        status,
        severity,
        score,
        p_value,
        q_value,
        n_reference,
        n_production,
        importance_rank,
        run_id,
        lag(value) over (
            partition by monitor, signal, reference, segment, feature, metric
            order by window_end, window_start
        ) as previous_value,
        lag(window_end) over (
            partition by monitor, signal, reference, segment, feature, metric
            order by window_end, window_start
        ) as previous_window_end
    from metrics
)

select
    monitor,
    model,
    model_version,
    signal,
    signal_type,
    metric,
    feature,
    feature_type,
    segment,
    window_start,
    window_end,
    window_date,
    reference,
    value,
    value_low,
    value_high,
    reference_value,
    threshold,
    direction,
    breached,
    status,
    severity,
    score,
    p_value,
    q_value,
    n_reference,
    n_production,
    importance_rank,
    previous_window_end,
    previous_value,
    value - previous_value as value_change,
    (value - previous_value) / nullif(abs(previous_value), 0) as relative_change,
    run_id
from ordered;

comment on view metric_trend is 'Every row of metrics beside the value of the window before';
comment on column metric_trend.monitor is 'Name of the monitor';
comment on column metric_trend.model is 'Name of the model';
comment on column metric_trend.model_version is 'Version of the model';
comment on column metric_trend.signal is 'Signal the metric belongs to';
comment on column metric_trend.signal_type is
    'Type of the signal, such as data_drift or data_quality';
comment on column metric_trend.metric is 'Name of the metric, described in metric_definitions';
comment on column metric_trend.feature is
    'Watched column (or class, or join name); __all__ is the whole dataset';
comment on column metric_trend.feature_type is 'numerical or categorical; null for dataset rows';
comment on column metric_trend.segment is
    'Part of the population, such as origin=JFK; __all__ is everyone';
comment on column metric_trend.window_start is 'Start of the production window, UTC, inclusive';
comment on column metric_trend.window_end is 'End of the production window, UTC, exclusive';
comment on column metric_trend.window_date is 'UTC date of the last microsecond of the window';
comment on column metric_trend.reference is 'Name of the reference compared with; __all__ is none';
comment on column metric_trend.value is
    'What is compared with threshold; null when it could not be computed';
comment on column metric_trend.value_low is
    'Certified lower bound of value; equal to it when exact';
comment on column metric_trend.value_high is
    'Certified upper bound of value; equal to it when exact';
comment on column metric_trend.reference_value is
    'The same measure on the reference, where it has one';
comment on column metric_trend.threshold is
    'The bound value must not pass; null when nothing is judged';
comment on column metric_trend.direction is 'Which values are worse: higher or lower';
comment on column metric_trend.breached is
    'Whether value is strictly beyond threshold; false where either is null';
comment on column metric_trend.status is
    'ok, warning, breached, inconclusive, insufficient_data, not_computable or error';
comment on column metric_trend.severity is
    'warning, high (breached) or critical (no rows, or score at least 3); else null';
comment on column metric_trend.score is
    'Distance towards the threshold in [0, 10]; 1 is at the threshold';
comment on column metric_trend.p_value is
    'Probability of a change this large without drift, in [0, 1]';
comment on column metric_trend.q_value is
    'p_value corrected for the number of features tested, in [0, 1]';
comment on column metric_trend.n_reference is 'Reference rows counted';
comment on column metric_trend.n_production is 'Production rows counted';
comment on column metric_trend.importance_rank is
    'Rank of that importance; 1 is the most important';
comment on column metric_trend.previous_window_end is
    'End of the window before, UTC, exclusive; null for the first';
comment on column metric_trend.previous_value is 'Value in the window before';
comment on column metric_trend.value_change is 'value minus previous_value';
comment on column metric_trend.relative_change is
    'value_change over the size of previous_value; null when that is 0';
comment on column metric_trend.run_id is 'Run that wrote the row';

create view open_alerts as
select
    alert_id,
    monitor,
    model,
    reference,
    signal,
    segment,
    feature,
    metric,
    severity,
    opened_at,
    last_seen_at,
    window_count,
    first_value,
    last_value,
    worst_value,
    threshold,
    message,
    acknowledged_at,
    acknowledged_by,
    run_id
from alerts
where closed_at is null;

comment on view open_alerts is 'The incidents that are not closed';
comment on column open_alerts.alert_id is 'Identifies the incident';
comment on column open_alerts.monitor is 'Name of the monitor';
comment on column open_alerts.model is 'Name of the model';
comment on column open_alerts.reference is 'Name of the reference; __all__ is none';
comment on column open_alerts.signal is 'Signal the metric belongs to';
comment on column open_alerts.segment is 'Part of the population; __all__ is everyone';
comment on column open_alerts.feature is 'Watched column; __all__ is the whole dataset';
comment on column open_alerts.metric is 'Name of the metric';
comment on column open_alerts.severity is 'warning, high or critical: the worst so far';
comment on column open_alerts.opened_at is 'End of the first window beyond the threshold, UTC';
comment on column open_alerts.last_seen_at is 'End of the last window beyond the threshold, UTC';
comment on column open_alerts.window_count is 'Windows beyond the threshold so far';
comment on column open_alerts.first_value is 'Value that opened it';
comment on column open_alerts.last_value is 'Value of the last window';
comment on column open_alerts.worst_value is 'Value furthest beyond the threshold';
comment on column open_alerts.threshold is 'The bound the last value was compared with';
comment on column open_alerts.message is 'What happened, in one sentence';
comment on column open_alerts.acknowledged_at is 'When someone took it on, UTC; null until then';
comment on column open_alerts.acknowledged_by is 'Who took it on';
comment on column open_alerts.run_id is 'Run that last changed the row';

create view feature_drift as
with

newest_windows as (
    select distinct
        monitor,
        signal,
        window_start,
        window_end,
        1 as hit
    from latest_metrics
)

select
    metrics.monitor,
    max(metrics.model) as model,
    metrics.signal,
    max(metrics.signal_type) as signal_type,
    metrics.feature,
    max(metrics.feature_type) as feature_type,
    metrics.segment,
    metrics.window_start,
    metrics.window_end,
    max(metrics.window_date) as window_date,
    metrics.reference,
    max(metrics.importance) as importance,
    max(metrics.importance_rank) as importance_rank,
    max(metrics.n_reference) as n_reference,
    max(metrics.n_production) as n_production,
    max(
        case when metrics.metric = 'jensen_shannon_distance' then metrics.value end
    ) as jensen_shannon_distance,
    max(
        case when metrics.metric = 'population_stability_index' then metrics.value end
    ) as population_stability_index,
    max(
        case when metrics.metric = 'normalized_wasserstein_distance' then metrics.value end
    ) as normalized_wasserstein_distance,
    max(
        case when metrics.metric = 'kolmogorov_smirnov_distance' then metrics.value end
    ) as kolmogorov_smirnov_distance,
    max(
        case when metrics.metric = 'two_sample_kolmogorov_smirnov_test' then metrics.value end
    ) as two_sample_kolmogorov_smirnov_test,
    max(
        case when metrics.metric = 'pearsons_chi_squared_test' then metrics.value end
    ) as pearsons_chi_squared_test,
    max(
        case when metrics.metric = 'chebyshev_distance' then metrics.value end
    ) as chebyshev_distance,
    max(
        case when metrics.metric = 'hellinger_distance' then metrics.value end
    ) as hellinger_distance,
    max(
        case when metrics.metric = 'total_variation_distance' then metrics.value end
    ) as total_variation_distance,
    cast(
        sum(case when metrics.status = 'breached' then 1 else 0 end) as bigint
    ) as breached_metrics,
    max(metrics.score) as worst_score,
    coalesce(max(newest_windows.hit), 0) = 1 as is_latest
from metrics
left join newest_windows
    on newest_windows.monitor = metrics.monitor
    and newest_windows.signal = metrics.signal
    and newest_windows.window_start = metrics.window_start
    and newest_windows.window_end = metrics.window_end
where metrics.signal_type in ('data_drift', 'prediction_drift')
group by
    metrics.monitor,
    metrics.signal,
    metrics.feature,
    metrics.segment,
    metrics.window_start,
    metrics.window_end,
    metrics.reference;

comment on view feature_drift is
    'One row per monitor, signal, window, reference, segment, feature: a column per drift metric';
comment on column feature_drift.monitor is 'Name of the monitor';
comment on column feature_drift.model is 'Name of the model';
comment on column feature_drift.signal is 'Signal the metric belongs to';
comment on column feature_drift.signal_type is
    'Type of the signal, such as data_drift or data_quality';
comment on column feature_drift.feature is
    'Watched column (or class, or join name); __all__ is the whole dataset';
comment on column feature_drift.feature_type is 'numerical or categorical; null for dataset rows';
comment on column feature_drift.segment is
    'Part of the population, such as origin=JFK; __all__ is everyone';
comment on column feature_drift.window_start is 'Start of the production window, UTC, inclusive';
comment on column feature_drift.window_end is 'End of the production window, UTC, exclusive';
comment on column feature_drift.window_date is 'UTC date of the last microsecond of the window';
comment on column feature_drift.reference is 'Name of the reference compared with; __all__ is none';
comment on column feature_drift.importance is 'Importance of the feature in the reference';
comment on column feature_drift.importance_rank is
    'Rank of that importance; 1 is the most important';
comment on column feature_drift.n_reference is 'Reference rows counted';
comment on column feature_drift.n_production is 'Production rows counted';
comment on column feature_drift.jensen_shannon_distance is
    'Value of jensen_shannon_distance; null when it was not measured';
comment on column feature_drift.population_stability_index is
    'Value of population_stability_index; null when it was not measured';
comment on column feature_drift.normalized_wasserstein_distance is
    'Value of normalized_wasserstein_distance; null when it was not measured';
comment on column feature_drift.kolmogorov_smirnov_distance is
    'Value of kolmogorov_smirnov_distance; null when it was not measured';
comment on column feature_drift.two_sample_kolmogorov_smirnov_test is
    'Value of two_sample_kolmogorov_smirnov_test; null when it was not measured';
comment on column feature_drift.pearsons_chi_squared_test is
    'Value of pearsons_chi_squared_test; null when it was not measured';
comment on column feature_drift.chebyshev_distance is
    'Value of chebyshev_distance; null when it was not measured';
comment on column feature_drift.hellinger_distance is
    'Value of hellinger_distance; null when it was not measured';
comment on column feature_drift.total_variation_distance is
    'Value of total_variation_distance; null when it was not measured';
comment on column feature_drift.breached_metrics is 'Metrics of the row whose status is breached';
comment on column feature_drift.worst_score is
    'Highest score of the row in [0, 10]; 1 is at the threshold';
comment on column feature_drift.is_latest is 'Whether the row is of its monitor''s newest window';

create view data_quality as
with

newest_windows as (
    select distinct
        monitor,
        signal,
        feature,
        window_start,
        window_end,
        1 as hit
    from latest_metrics
)

select
    metrics.monitor,
    max(metrics.model) as model,
    metrics.signal,
    max(metrics.signal_type) as signal_type,
    metrics.feature,
    max(metrics.feature_type) as feature_type,
    metrics.segment,
    metrics.window_start,
    metrics.window_end,
    max(metrics.window_date) as window_date,
    metrics.reference,
    max(metrics.n_reference) as n_reference,
    max(metrics.n_production) as n_production,
    max(
        case when metrics.metric = 'null_value_rate' then metrics.value end
    ) as null_value_rate,
    max(
        case when metrics.metric = 'data_type_error_rate' then metrics.value end
    ) as data_type_error_rate,
    max(
        case when metrics.metric = 'out_of_bounds_rate' then metrics.value end
    ) as out_of_bounds_rate,
    max(
        case when metrics.metric = 'new_category_rate' then metrics.value end
    ) as new_category_rate,
    max(
        case when metrics.metric = 'zero_rate' then metrics.value end
    ) as zero_rate,
    max(
        case when metrics.metric = 'empty_string_rate' then metrics.value end
    ) as empty_string_rate,
    max(
        case when metrics.metric = 'distinct_count' then metrics.value end
    ) as distinct_count,
    max(
        case when metrics.metric = 'mean' then metrics.value end
    ) as mean,
    max(
        case when metrics.metric = 'stddev' then metrics.value end
    ) as stddev,
    max(
        case when metrics.metric = 'minimum' then metrics.value end
    ) as minimum,
    max(
        case when metrics.metric = 'maximum' then metrics.value end
    ) as maximum,
    max(
        case when metrics.metric = 'row_count' then metrics.value end
    ) as row_count,
    max(
        case when metrics.metric = 'freshness' then metrics.value end
    ) as freshness,
    max(
        case when metrics.metric = 'duplicate_rate' then metrics.value end
    ) as duplicate_rate,
    max(
        case when metrics.metric = 'match_rate' then metrics.value end
    ) as match_rate,
    max(
        case when metrics.metric = 'label_coverage' then metrics.value end
    ) as label_coverage,
    max(
        case when metrics.metric = 'missing_feature' then metrics.value end
    ) as missing_feature,
    max(
        case when metrics.metric = 'new_column' then metrics.value end
    ) as new_column,
    max(
        case when metrics.metric = 'type_changed' then metrics.value end
    ) as type_changed,
    cast(
        sum(case when metrics.status = 'breached' then 1 else 0 end) as bigint
    ) as breached_metrics,
    max(metrics.score) as worst_score,
    coalesce(max(newest_windows.hit), 0) = 1 as is_latest
from metrics
left join newest_windows
    on newest_windows.monitor = metrics.monitor
    and newest_windows.signal = metrics.signal
    and newest_windows.feature = metrics.feature
    and newest_windows.window_start = metrics.window_start
    and newest_windows.window_end = metrics.window_end
where metrics.signal_type = 'data_quality'
group by
    metrics.monitor,
    metrics.signal,
    metrics.feature,
    metrics.segment,
    metrics.window_start,
    metrics.window_end,
    metrics.reference;

comment on view data_quality is
    'One row per monitor, signal, window, reference, segment, feature: a column per quality metric';
comment on column data_quality.monitor is 'Name of the monitor';
comment on column data_quality.model is 'Name of the model';
comment on column data_quality.signal is 'Signal the metric belongs to';
comment on column data_quality.signal_type is
    'Type of the signal, such as data_drift or data_quality';
comment on column data_quality.feature is
    'Watched column (or class, or join name); __all__ is the whole dataset';
comment on column data_quality.feature_type is 'numerical or categorical; null for dataset rows';
comment on column data_quality.segment is
    'Part of the population, such as origin=JFK; __all__ is everyone';
comment on column data_quality.window_start is 'Start of the production window, UTC, inclusive';
comment on column data_quality.window_end is 'End of the production window, UTC, exclusive';
comment on column data_quality.window_date is 'UTC date of the last microsecond of the window';
comment on column data_quality.reference is 'Name of the reference compared with; __all__ is none';
comment on column data_quality.n_reference is 'Reference rows counted';
comment on column data_quality.n_production is 'Production rows counted';
comment on column data_quality.null_value_rate is
    'Value of null_value_rate; null when it was not measured';
comment on column data_quality.data_type_error_rate is
    'Value of data_type_error_rate; null when it was not measured';
comment on column data_quality.out_of_bounds_rate is
    'Value of out_of_bounds_rate; null when it was not measured';
comment on column data_quality.new_category_rate is
    'Value of new_category_rate; null when it was not measured';
comment on column data_quality.zero_rate is 'Value of zero_rate; null when it was not measured';
comment on column data_quality.empty_string_rate is
    'Value of empty_string_rate; null when it was not measured';
comment on column data_quality.distinct_count is
    'Value of distinct_count; null when it was not measured';
comment on column data_quality.mean is 'Value of mean; null when it was not measured';
comment on column data_quality.stddev is 'Value of stddev; null when it was not measured';
comment on column data_quality.minimum is 'Value of minimum; null when it was not measured';
comment on column data_quality.maximum is 'Value of maximum; null when it was not measured';
comment on column data_quality.row_count is 'Value of row_count; null when it was not measured';
comment on column data_quality.freshness is 'Value of freshness; null when it was not measured';
comment on column data_quality.duplicate_rate is
    'Value of duplicate_rate; null when it was not measured';
comment on column data_quality.match_rate is 'Value of match_rate; null when it was not measured';
comment on column data_quality.label_coverage is
    'Value of label_coverage; null when it was not measured';
comment on column data_quality.missing_feature is
    'Value of missing_feature; null when it was not measured';
comment on column data_quality.new_column is 'Value of new_column; null when it was not measured';
comment on column data_quality.type_changed is
    'Value of type_changed; null when it was not measured';
comment on column data_quality.breached_metrics is 'Metrics of the row whose status is breached';
comment on column data_quality.worst_score is
    'Highest score of the row in [0, 10]; 1 is at the threshold';
comment on column data_quality.is_latest is 'Whether the row is of its monitor''s newest window';

create view bin_comparison as
with

newest_windows as (
    select distinct
        monitor,
        window_start,
        window_end,
        1 as hit
    from latest_metrics
    where metric <> 'match_rate'
)

select
    histograms.monitor,
    histograms.window_start,
    histograms.window_end,
    histograms.reference,
    histograms.reference_id,
    histograms.segment,
    histograms.feature,
    histograms.bin,
    histograms.kind,
    histograms.label,
    histograms.lower_bound,
    histograms.upper_bound,
    histograms.n_reference,
    histograms.n_production,
    histograms.share_reference,
    histograms.share_production,
    histograms.share_production - histograms.share_reference as share_change,
    histograms.psi_contribution,
    coalesce(newest_windows.hit, 0) = 1 as is_latest,
    histograms.run_id
from histograms
left join newest_windows
    on newest_windows.monitor = histograms.monitor
    and newest_windows.window_start = histograms.window_start
    and newest_windows.window_end = histograms.window_end;

comment on view bin_comparison is 'The bins of both sides with the difference of their shares';
comment on column bin_comparison.monitor is 'Name of the monitor';
comment on column bin_comparison.window_start is 'Start of the production window, UTC, inclusive';
comment on column bin_comparison.window_end is 'End of the production window, UTC, exclusive';
comment on column bin_comparison.reference is 'Name of the reference';
comment on column bin_comparison.reference_id is
    'Hash of the definition of the reference, frozen bins included';
comment on column bin_comparison.segment is 'Part of the population; __all__ is everyone';
comment on column bin_comparison.feature is 'Watched column';
comment on column bin_comparison.bin is
    'Position from 0: intervals and points ascending, categories by reference count';
comment on column bin_comparison.kind is
    'interval, point (one exact value), category, other or new';
comment on column bin_comparison.label is 'The bin as a reader would write it';
comment on column bin_comparison.lower_bound is
    'Lower bound of an interval, or the point; null when open or a category';
comment on column bin_comparison.upper_bound is
    'Upper bound of an interval, or the point; null when open or a category';
comment on column bin_comparison.n_reference is 'Reference rows in the bin';
comment on column bin_comparison.n_production is 'Production rows in the bin';
comment on column bin_comparison.share_reference is
    'n_reference over the reference rows of all bins, in [0, 1]';
comment on column bin_comparison.share_production is
    'n_production over the production rows of all bins, in [0, 1]';
comment on column bin_comparison.share_change is
    'share_production minus share_reference, in [-1, 1]';
comment on column bin_comparison.psi_contribution is
    'Part the bin adds to population_stability_index, at least 0';
comment on column bin_comparison.is_latest is 'Whether the row is of its monitor''s newest window';
comment on column bin_comparison.run_id is 'Run that wrote the row';

create view run_log as
with

costs as (
    select
        run_id,
        sum(seconds) as statement_seconds,
        sum(rows_returned) as rows_returned,
        sum(case when error is not null then 1 else 0 end) as failed_statements
    from statements
    group by run_id
),

numbered as (
    select
        runs.*,
        row_number() over (partition by monitor order by started_at desc, run_id desc) as place
    from runs
)

select
    numbered.run_id,
    numbered.invocation_id,
    numbered.monitor,
    numbered.model,
    numbered.model_version,
    numbered.target,
    numbered.dialect,
    numbered.requested_at,
    numbered.started_at,
    numbered.finished_at,
    numbered.status,
    numbered.window_count,
    numbered.metric_count,
    numbered.breach_count,
    numbered.statement_count,
    numbered.scanned_rows,
    numbered.seconds,
    numbered.driftline_version,
    numbered.config_hash,
    numbered.measure_hash,
    cast(coalesce(costs.statement_seconds, 0) as double) as statement_seconds,
    cast(coalesce(costs.rows_returned, 0) as bigint) as rows_returned,
    cast(coalesce(costs.failed_statements, 0) as bigint) as failed_statements,
    numbered.place = 1 as is_latest,
    numbered.error
from numbered
left join costs
    on costs.run_id = numbered.run_id;

comment on view run_log is 'Every run with what its statements cost';
comment on column run_log.run_id is 'Identifies one run of one monitor';
comment on column run_log.invocation_id is 'Shared by the monitors of one command';
comment on column run_log.monitor is 'Name of the monitor';
comment on column run_log.model is 'Name of the model';
comment on column run_log.model_version is 'Version of the model';
comment on column run_log.target is 'Target (named connection) in use; null without targets';
comment on column run_log.dialect is 'SQL dialect of the statements sent';
comment on column run_log.requested_at is 'The time the windows were computed for, UTC';
comment on column run_log.started_at is 'When the run began, UTC';
comment on column run_log.finished_at is 'When the run ended, UTC';
comment on column run_log.status is
    'succeeded, partial (some rows are errors) or failed (no metrics)';
comment on column run_log.window_count is 'Windows computed';
comment on column run_log.metric_count is 'Rows written to metrics';
comment on column run_log.breach_count is 'Of these, rows with status breached';
comment on column run_log.statement_count is 'SQL statements sent';
comment on column run_log.scanned_rows is 'Rows of production and reference read';
comment on column run_log.seconds is 'Wall time of the run, seconds';
comment on column run_log.driftline_version is 'Version of Driftline that ran';
comment on column run_log.config_hash is 'Hash of the resolved configuration';
comment on column run_log.measure_hash is
    'Hash of the settings that decide the numbers; equal hashes can be compared';
comment on column run_log.statement_seconds is 'Wall time of all statements of the run, seconds';
comment on column run_log.rows_returned is 'Rows that came back from all statements';
comment on column run_log.failed_statements is 'Statements the engine refused';
comment on column run_log.is_latest is 'Whether the run is its monitor''s last';
comment on column run_log.error is 'Why the run failed; null otherwise';
