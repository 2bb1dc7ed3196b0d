//! Messages that are each one piece of work.

/// Lets a keeper answer each of these messages with what its work comes to. The works do not
/// wait for each other. `with (store, environment)` hands them clones of those members of the
/// keeper, `with self` the keeper; the message comes last.
macro_rules! answered_by {
    (@one $keeper:ty, self, $message:ty, $work:path) => {
        impl $crate::runtime::Receive<$message> for $keeper {
            fn receive(
                &mut self,
                letter: $crate::runtime::Letter<$message>,
                desk: &mut $crate::runtime::Desk<'_, Self>,
            ) {
                let Some((message, answer)) = letter.open() else { return };
                desk.spawn($work(self, message), |_, outcome, _| answer.give(outcome));
            }
        }
    };
    (@one $keeper:ty, ($($part:ident),+), $message:ty, $work:path) => {
        impl $crate::runtime::Receive<$message> for $keeper {
            fn receive(
                &mut self,
                letter: $crate::runtime::Letter<$message>,
                desk: &mut $crate::runtime::Desk<'_, Self>,
            ) {
                let Some((message, answer)) = letter.open() else { return };
                let work = $work($(self.$part.clone(),)+ message);
                desk.spawn(work, |_, outcome, _| answer.give(outcome));
            }
        }
    };
    ($keeper:ty, with $given:tt: $($message:ty => $work:path),+ $(,)?) => {
        $($crate::runtime::answered_by!(@one $keeper, $given, $message, $work);)+
    };
}

pub(crate) use answered_by;
