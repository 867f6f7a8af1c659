//! A spin lock, and statics that the program itself keeps apart.

use core::cell::UnsafeCell;
use core::ops::{Deref, DerefMut};
use core::sync::atomic::{AtomicBool, Ordering};

/// A lock that waits by spinning.
pub struct SpinLock<T> {
    held: AtomicBool,
    value: UnsafeCell<T>,
}

// SAFETY: `held` lets one CPU at a time reach the value.
unsafe impl<T: Send> Sync for SpinLock<T> {}

impl<T> SpinLock<T> {
    /// An open lock around `value`.
    pub const fn new(value: T) -> Self {
        Self { held: AtomicBool::new(false), value: UnsafeCell::new(value) }
    }

    /// Waits until nobody else holds the lock.
    pub fn lock(&self) -> SpinGuard<'_, T> {
        while self.held.compare_exchange_weak(false, true, Ordering::Acquire, Ordering::Relaxed).is_err() {
            core::hint::spin_loop();
        }
        SpinGuard(self)
    }
}

/// Access to a locked value; dropping it opens the lock.
pub struct SpinGuard<'a, T>(&'a SpinLock<T>);

impl<T> Deref for SpinGuard<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        // SAFETY: the guard exists once, while the lock is held.
        unsafe { &*self.0.value.get() }
    }
}

impl<T> DerefMut for SpinGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the guard exists once, while the lock is held.
        unsafe { &mut *self.0.value.get() }
    }
}

impl<T> Drop for SpinGuard<'_, T> {
    fn drop(&mut self) {
        self.0.held.store(false, Ordering::Release);
    }
}

/// Memory at a fixed place that hardware, the stub or one CPU uses by its address.
#[repr(C, align(4096))]
pub struct Place<T>(UnsafeCell<T>);

// SAFETY: all access is by raw pointers, whose users say why it is sound.
unsafe impl<T> Sync for Place<T> {}

impl<T> Place<T> {
    /// A place that holds `value`.
    pub const fn new(value: T) -> Self {
        Self(UnsafeCell::new(value))
    }

    /// Where the value lies.
    pub const fn get(&self) -> *mut T {
        self.0.get()
    }

    /// The guest-physical address of the value (memory is identity mapped).
    pub fn address(&self) -> u64 {
        self.0.get().expose_provenance() as u64
    }
}
