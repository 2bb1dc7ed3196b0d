//! The budgets of registrations.
//!
//! An address has one, and so has every piece of software at it. Who spends the address's,
//! say a program that registers at each start, has spent its own before; other software
//! behind the same address then has a reserve. Somebody who makes software up spends both,
//! and that is the end of it: twice what is configured, for one address. Above that are
//! the budget of the site (IPv6) and that of all.
//! `docs/decisions/0010-whose-registration-is-one-too-many.md` has the reasons.

use entities::{StoreError, budget};
use protocol::client_address::site_of;

use super::work::identity;
use super::{Attempts, SpendRegistration};

/// The part of an address's budget that one piece of software may spend before it has
/// no share in the reserve.
const SOFTWARE_AT_ONCE: u32 = 4;
/// As many times what one network may register, a site may.
const NETWORKS_OF_A_SITE: u32 = 4;

/// Takes one registration from the budgets; whether they have one.
pub(super) fn spend(
    keeper: &Attempts,
    SpendRegistration { network, software }: &SpendRegistration,
) -> impl Future<Output = Result<bool, StoreError>> + use<> {
    let Attempts { store, environment, settings, .. } = keeper;
    let (store, now) = (store.clone(), environment.now());
    let of = |parts: &[&str]| identity(&settings.key, parts);
    let (refill, refill_all) = (settings.registrations, settings.registrations_in_all);
    let all = of(&["registrations in all"]);
    let site =
        network.and_then(site_of).map(|it| of(&["registrations of a site", &it.to_string()]));
    let at_address = network.map(|network| {
        let network = network.to_string();
        let reserve = of(&["registration reserve", &network]);
        let own = of(&["registration of software", &network, software]);
        (of(&["registration", &network]), reserve, own)
    });
    async move {
        store
            .write(move |transaction| {
                Box::pin(async move {
                    let mut taken = Vec::new();
                    if let Some((address, reserve, own)) = at_address {
                        let share = refill.part(SOFTWARE_AT_ONCE);
                        let mut from = address;
                        if !budget::spend(transaction, &address, now, refill).await? {
                            // Looked at, and spent only with what is let in: names that
                            // somebody makes up must not become rows.
                            let first = budget::has_left(transaction, &own, now, share).await?;
                            if !first || !budget::spend(transaction, &reserve, now, refill).await? {
                                return Ok(false);
                            }
                            from = reserve;
                        }
                        taken.push((from, refill));
                        if budget::spend(transaction, &own, now, share).await? {
                            taken.push((own, share));
                        }
                    }
                    // The row of all comes last: it is held shortest, and by everybody alike.
                    let site = site.map(|site| (site, refill.times(NETWORKS_OF_A_SITE)));
                    for (whose, refill) in site.into_iter().chain([(all, refill_all)]) {
                        if budget::spend(transaction, &whose, now, refill).await? {
                            taken.push((whose, refill));
                            continue;
                        }
                        for (whose, refill) in taken {
                            budget::give_back(transaction, &whose, refill).await?;
                        }
                        return Ok(false);
                    }
                    Ok(true)
                })
            })
            .await
    }
}
