{#- calibration: rows by what was predicted, how sure of it the score is, and what happened

    The rows of a reference are those with an actual; of production's all count, whatever is known of them.

    reads    a scan's clock, actual, and prediction or scores, once for each reference that cuts the scores
    returns  scan; cut_by: the reference's scan; window_id, segment, actual, predicted; part: from 0, by score;
             n: rows
-#}
{% from "macros.sql" import rows_of, key_of, key_name, window_of, put_to_windows, by_window with context -%}
{% for side in sides -%}
{% set scan = side.scan -%}
select
    {{ scan.id }} as scan,
    {{ side.cut_by }} as cut_by,
    {{ window_of(scan) | indent(4) }},
    actual,
    predicted,
    part,
    cast(count(*) as bigint) as n
from (
    select
        {{ key_name(scan) }},
        actual,
        predicted,
        {% if side.edges %}case {% for edge in side.edges %}when score < {{ edge }} then {{ loop.index0 }} {% endfor %}else {{ side.edges | length }} end{% else %}0{% endif %} as part
    from (
        select
            {{ key_of(scan) }},
            {{ side.actual }} as actual,
            {{ side.predicted }} as predicted,
            {{ side.score }} as score
        {{ rows_of(scan) | indent(8) }}
    ) as scored
    where predicted is not null and score is not null{% if side.labelled %} and actual is not null{% endif %}

) as {{ scan.name }}{{ put_to_windows(scan) }}
group by {{ by_window(scan) }}, actual, predicted, part
{% if not loop.last %}
union all
{% endif -%}
{% endfor %}
