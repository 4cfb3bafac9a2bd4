{#- segmented: the rows of a scan with the cell that each is in

    Values that are kept apart are one cell each; rows of all others are the last cell where they are
    counted, else they are left out.

    reads    a scan's rows, all columns, for statements to choose from
    returns  the columns, driftline_cell, and what cells are told by: driftline_key_0, …; driftline_half =
             half the fine bins of the cell, where cells have different ones
-#}
{% from "macros.sql" import rows_of with context -%}
(
select
    keyed.*,
    {% if rest %}coalesce(cells.cell, {{ cells | length }}){% else %}cells.cell{% endif %} as driftline_cell
    {%- if halves %},
    {% if rest %}coalesce(cells.half, {{ halves[-1] }}){% else %}cells.half{% endif %} as driftline_half
    {%- endif %}
from (
    select
        *
        {%- for key in keys %},
        {{ key }} as driftline_key_{{ loop.index0 }}
        {%- endfor %}
    {{ rows_of(scan) | indent(4) }}
) as keyed
{% if rest %}left{% else %}inner{% endif %} join (
    values {% for cell in cells %}({% for value in cell %}{{ value }}, {% endfor %}{{ loop.index0 }}{% if halves %}, {{ halves[loop.index0] }}{% endif %}){% if not loop.last %}, {% endif %}{% endfor %}
) as cells({% for _ in keys %}value_{{ loop.index0 }}, {% endfor %}cell{% if halves %}, half{% endif %})
    on {% for _ in keys %}cells.value_{{ loop.index0 }} = keyed.driftline_key_{{ loop.index0 }}{% if not loop.last %} and {% endif %}{% endfor %}

) as {{ name }}
