"""A Helm chart made from k8s/: the base, a switch for each component, the overlays as values.

`overlay/` names the chart's values at the places where they go. Kustomize renders it with and
without each component (`sources`); where the renderings differ, the templates have an `if`
(`templates`); what the base and the overlays have in the named places are the values (`matching`,
`values`). A difference of an overlay that no value can say is an error.
"""
