//! Secrets: one automaton over the anchors of all rules, a pattern in a window round each hit, then
//! checks of structure and entropy; what is shown is masked.
