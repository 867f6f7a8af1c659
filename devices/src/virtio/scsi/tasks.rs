//! Task management between queues: the control queue asks, each request queue answers once what is concerned has ended.
//!
//! What the host has under way cannot be called back, so that to abort a command is to wait for its end. A question is
//! numbered; request queues compare one number at each turn, and look further only when it has changed.
//!
//! ```text
//!  control queue: ask(scope) ── number ──▶ request queues: those with commands in scope keep it, the others answer
//!       ▲                                                          │ the last command in scope has ended: answer
//!       └──────────────── the last answer wakes ───────────────────┘
//! ```

use super::address::Address;
use super::request::Response;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use vmm_sys_util::eventfd::EventFd;

/// Which commands a question is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// One command of a unit.
    Task { target: usize, tag: u64 },
    /// All commands of a unit.
    Unit { target: usize },
}

impl Scope {
    /// Whether the command `tag` to `address` is among them.
    pub(super) fn has(self, address: Address, tag: u64) -> bool {
        match self {
            Self::Task { target, tag: wanted } => address == Address::Unit(target) && tag == wanted,
            Self::Unit { target } => address == Address::Unit(target),
        }
    }
}

/// A question.
#[derive(Clone, Copy, Debug)]
pub(super) struct Question {
    pub(super) scope: Scope,
    /// How the commands end; `None`: they are only looked for.
    pub(super) ended_as: Option<Response>,
}

struct Open {
    question: Question,
    /// The request queues that have not answered.
    waiting: Vec<u16>,
    /// A command was there.
    found: bool,
}

#[derive(Default)]
struct Table {
    /// Those that nobody has taken back, by number.
    open: BTreeMap<u64, Open>,
    /// The request queues that are served, and what wakes them.
    members: BTreeMap<u16, EventFd>,
    /// What wakes the control queue.
    asker: Option<EventFd>,
}

/// Shared by all queues of a device.
#[derive(Default)]
pub(super) struct Tasks {
    /// The number of the last question.
    last: AtomicU64,
    table: Mutex<Table>,
}

impl Tasks {
    /// The control queue is served from now on, and woken by `event`.
    pub(super) fn set_asker(&self, event: EventFd) {
        self.table().asker = Some(event);
    }

    /// Asks all request queues.
    pub(super) fn ask(&self, question: Question) -> u64 {
        let mut table = self.table();
        let number = self.last.load(Ordering::Relaxed) + 1;
        let waiting = table.members.keys().copied().collect();
        table.open.insert(number, Open { question, waiting, found: false });
        self.last.store(number, Ordering::Release);
        for event in table.members.values() {
            // Only fails when the counter is full, and then the queue is due anyway.
            let _ = event.write(1);
        }
        number
    }

    /// Whether all have answered, and if so whether a command was there; the question is forgotten then, as it is when
    /// it is `given_up`.
    pub(super) fn take(&self, number: u64, given_up: bool) -> Option<bool> {
        let mut table = self.table();
        let answered = table.open.get(&number).is_none_or(|open| open.waiting.is_empty());
        if answered || given_up {
            return Some(table.open.remove(&number).is_some_and(|open| open.found));
        }
        None
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        // A panic in another thread leaves plain data behind.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queue `index` has answered question `number`.
    fn answered(&self, number: u64, index: u16) {
        let mut table = self.table();
        if let Some(open) = table.open.get_mut(&number) {
            open.waiting.retain(|waiting| *waiting != index);
            if open.waiting.is_empty()
                && let Some(asker) = &table.asker
            {
                let _ = asker.write(1);
            }
        }
    }
}

/// A request queue's part. Dropping it answers whatever is open.
pub(super) struct Membership {
    tasks: Arc<Tasks>,
    index: u16,
    seen: u64,
    /// Questions that wait for commands of ours.
    kept: Vec<(u64, Scope)>,
}

impl Membership {
    /// Request queue `index` is served from now on, and woken by `event`.
    pub(super) fn new(tasks: Arc<Tasks>, index: u16, event: EventFd) -> Self {
        let mut table = tasks.table();
        table.members.insert(index, event);
        let seen = tasks.last.load(Ordering::Relaxed);
        drop(table);
        Self { tasks, index, seen, kept: Vec::new() }
    }

    /// Looks at new questions and at those that are kept; `mark` says how many commands of a scope are under way, and
    /// marks them. Everything that was available has been taken.
    pub(super) fn answer(&mut self, mut mark: impl FnMut(Scope, Option<Response>) -> usize) {
        let last = self.tasks.last.load(Ordering::Acquire);
        if last == self.seen && self.kept.is_empty() {
            return;
        }
        self.kept.retain(|(number, scope)| {
            let waits = mark(*scope, None) > 0;
            if !waits {
                self.tasks.answered(*number, self.index);
            }
            waits
        });
        let new: Vec<(u64, Question)> = {
            let mut table = self.tasks.table();
            let new = table.open.range_mut(self.seen + 1..).filter(|(_, open)| open.waiting.contains(&self.index));
            new.map(|(number, open)| {
                open.found |= mark(open.question.scope, open.question.ended_as) > 0;
                (*number, open.question)
            })
            .collect()
        };
        self.seen = self.seen.max(last);
        for (number, Question { scope, ended_as }) in new {
            self.seen = self.seen.max(number);
            // Who only looks does not wait.
            if ended_as.is_some() && mark(scope, None) > 0 {
                self.kept.push((number, scope));
            } else {
                self.tasks.answered(number, self.index);
            }
        }
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        let mut table = self.tasks.table();
        table.members.remove(&self.index);
        let open: Vec<u64> = table.open.keys().copied().collect();
        drop(table);
        open.into_iter().for_each(|number| self.tasks.answered(number, self.index));
    }
}
