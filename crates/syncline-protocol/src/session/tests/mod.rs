//! Two ends and a network between them.
