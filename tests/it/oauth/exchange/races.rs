//! A thousand exchanges, and the consent they rest on is taken back in the middle of them. Every
//! other act and every other way to a token is in `in_flight`.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::future::join_all;

use super::Counter;
use crate::kit::stage::revoke_grant;
use crate::kit::{Answer, Server, on_both_databases};

on_both_databases! {
    async fn of_a_thousand_exchanges_none_survives_the_consent_they_rest_on(server: Server) {
        let counter = Counter::open(server).await;
        counter.agree(server, "read").await;
        let subject = counter.subject(server).await;
        let replica = server.replica().await;
        for place in [server, &replica] {
            assert_eq!(counter.own(place, &subject).await.status, 200);
        }
        let grant = counter.grant(server).await;
        let answered = &AtomicUsize::new(0);
        let exchanges = join_all((0..1000).map(|number| {
            let (counter, subject) = (&counter, &subject);
            let place = if number % 2 == 0 { &*server } else { &replica };
            async move {
                let answer = counter.own(place, subject).await;
                answered.fetch_add(1, Ordering::SeqCst);
                answer
            }
        }));
        let revoked = async {
            // Until some are through. Counted here: who asks the database waits in line with them.
            while answered.load(Ordering::SeqCst) < 40 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            revoke_grant(&replica, grant).await;
        };
        let (answers, ()) = tokio::join!(exchanges, revoked);
        let (given, refused): (Vec<&Answer>, Vec<&Answer>) =
            answers.iter().partition(|answer| answer.status == 200);
        assert!(!given.is_empty() && !refused.is_empty(), "{} given", given.len());
        for answer in refused {
            answer.refused(400, "consent_required");
        }
        let tokens: Vec<String> =
            given.iter().map(|answer| answer.member("access_token")).collect();
        for place in [server, &replica] {
            assert_eq!(counter.stage.active_among(place, &tokens).await, 0);
        }
        replica.stop().await;
    }
}
