{#- matches: rows of a scan whose key a joined table has, and how often it has it

    Counted are the keys that the scan's rows have: what else the other table holds does not matter.

    reads    the keys of a scan and of the joined table, one scan a branch
    returns  match, scan, window_id, segment; row_count; matched: rows whose key the other table has;
             repeated: keys that it has several times; surplus: its rows beyond the first of each key
-#}
{% from "macros.sql" import window_key, rows_of, our_keys, their_keys, names_of, asked_for with context -%}
{% for match in matches -%}
select
    {{ match.id }} as match,
    {{ match.scan.id }} as scan,
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
            {{ names_of(match.keys) }},
            count(*) as n
        from (
            select
                {{ window_key(match.scan) }} as window_id,
                '__all__' as segment,
                {{ our_keys(match.keys) | indent(16) }}
            {{ rows_of(match.scan) | indent(12) }}
        ) as keyed
        group by window_id, segment, {{ names_of(match.keys) }}
    ) as asked
    left join (
        select
            1 as hit,
            {{ their_keys(match.keys) | indent(12) }}
        from {{ match.table }}
    ) as others
        on {{ asked_for(match.keys) }}
    group by
        asked.window_id,
        asked.segment,
        {%- for key in match.keys %}
        asked.{{ key.name }},
        {%- endfor %}
        asked.n
) as counted
group by window_id, segment
{% if not loop.last %}
union all
{% endif -%}
{% endfor %}
