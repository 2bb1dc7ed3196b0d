//! What others run us with says what is true: the chart in `helm/` rendered by Helm itself and checked
//! against Kubernetes' own schemas, the image, the composition, the unit of systemd.

mod chart;
mod compose;
mod exposure;
mod image;
mod pods;
mod refusals;
mod running;
mod tools;
mod unit;
