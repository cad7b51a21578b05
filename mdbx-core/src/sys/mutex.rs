//! Mutexes that processes share, and that tell when their holder died.
//!
//! They are those of the C library, since libmdbx locks the same ones: shared between processes, robust, checked for
//! errors, and, where the kernel can, lending the holder the priority of who waits.
//!
//! The C library keeps a list of the robust mutexes that a thread holds, in the mutexes themselves. So the memory of a
//! locked mutex must stay where it is, even if its guard is forgotten: who owns a [`Region`] sees to that.
#![expect(unsafe_code, reason = "calls the C library")]

use std::io;
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::ptr::NonNull;

use crate::sys::process;
use crate::sys::region::Region;

/// A mutex in a region.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SharedMutex<'r> {
    raw: NonNull<libc::pthread_mutex_t>,
    region: PhantomData<&'r Region>,
}

/// What became of the wish to lock.
#[derive(Debug)]
pub(crate) enum Locking<'r> {
    /// We hold it.
    Locked(SharedGuard<'r>),
    /// We hold it, and its last holder died with it. If it is unlocked before
    /// [`make_consistent`](SharedGuard::make_consistent), nobody can ever lock it again.
    OwnerDied(SharedGuard<'r>),
    /// This thread holds it already.
    WouldDeadlock,
    /// Somebody else holds it; only `try_lock` says so.
    Busy,
    /// Somebody could not mend what a dead holder left.
    NotRecoverable,
}

/// The possession of a mutex, given up on drop. It stays in its thread, which alone can unlock.
#[derive(Debug)]
pub(crate) struct SharedGuard<'r> {
    mutex: SharedMutex<'r>,
    /// The process that locked it, as `process::generation` counts.
    generation: u32,
    not_send: PhantomData<*const ()>,
}

impl<'r> SharedMutex<'r> {
    /// Returns the mutex at byte `at` of a region, which somebody has initialised or is about to.
    ///
    /// # Panics
    ///
    /// If it is misaligned or leaves the region.
    pub(crate) fn at(region: &'r Region, at: usize) -> SharedMutex<'r> {
        SharedMutex {
            raw: region.field(at, size_of::<libc::pthread_mutex_t>()).cast(),
            region: PhantomData,
        }
    }

    /// Makes the mutex a new one that nobody holds. Nobody else uses the region yet.
    ///
    /// # Errors
    ///
    /// What the C library says.
    pub(crate) fn initialise(self) -> io::Result<()> {
        match self.initialise_with(libc::PTHREAD_PRIO_INHERIT) {
            Err(error) if error.raw_os_error() == Some(libc::ENOTSUP) => {
                self.initialise_with(libc::PTHREAD_PRIO_NONE)
            }
            result => result,
        }
    }

    fn initialise_with(self, protocol: libc::c_int) -> io::Result<()> {
        let mut attributes = MaybeUninit::uninit();
        let attributes = attributes.as_mut_ptr();
        // SAFETY: `attributes` is room for one, which this makes.
        check(unsafe { libc::pthread_mutexattr_init(attributes) })?;
        // SAFETY: here and in the next three, `attributes` was made above, and the values are ones that the calls take.
        let shared =
            unsafe { libc::pthread_mutexattr_setpshared(attributes, libc::PTHREAD_PROCESS_SHARED) };
        // SAFETY: as above.
        let robust =
            unsafe { libc::pthread_mutexattr_setrobust(attributes, libc::PTHREAD_MUTEX_ROBUST) };
        // SAFETY: as above.
        let kind =
            unsafe { libc::pthread_mutexattr_settype(attributes, libc::PTHREAD_MUTEX_ERRORCHECK) };
        // SAFETY: as above.
        let protocol = unsafe { libc::pthread_mutexattr_setprotocol(attributes, protocol) };
        let set = [shared, robust, kind, protocol]
            .into_iter()
            .try_for_each(check);
        let made = set.and_then(|()| {
            // SAFETY:
            // - The memory is valid and aligned: `at` checked it, and the region is borrowed.
            // - Nobody uses the mutex: the caller sees to it.
            check(unsafe { libc::pthread_mutex_init(self.raw.as_ptr(), attributes) })
        });
        // SAFETY: `attributes` was made above and is not used any more.
        let destroyed = check(unsafe { libc::pthread_mutexattr_destroy(attributes) });
        made.and(destroyed)
    }

    /// Ends the use of the mutex. Nobody else has the region any more, and nobody holds the mutex.
    pub(crate) fn destroy(self) {
        // SAFETY: the memory is valid, and holds a mutex that nobody uses any more. A refusal changes nothing.
        let _ = unsafe { libc::pthread_mutex_destroy(self.raw.as_ptr()) };
    }

    /// Waits until the mutex is ours.
    ///
    /// # Errors
    ///
    /// What the C library says, but for what [`Locking`] has a name for.
    pub(crate) fn lock(self) -> io::Result<Locking<'r>> {
        // SAFETY:
        // - The memory is valid, and stays so while the mutex is locked: whoever owns the region sees to it, as this
        //   file asks at its top.
        // - It holds a mutex: whoever attached first initialised it, which the header of the lock file says.
        self.locking(unsafe { libc::pthread_mutex_lock(self.raw.as_ptr()) })
    }

    /// Takes the mutex if nobody holds it.
    ///
    /// # Errors
    ///
    /// As [`lock`](SharedMutex::lock).
    pub(crate) fn try_lock(self) -> io::Result<Locking<'r>> {
        // SAFETY: as in `lock`.
        self.locking(unsafe { libc::pthread_mutex_trylock(self.raw.as_ptr()) })
    }

    fn locking(self, answer: libc::c_int) -> io::Result<Locking<'r>> {
        let guard = || SharedGuard {
            mutex: self,
            generation: process::generation(),
            not_send: PhantomData,
        };
        match answer {
            0 => Ok(Locking::Locked(guard())),
            libc::EOWNERDEAD => Ok(Locking::OwnerDied(guard())),
            libc::EDEADLK => Ok(Locking::WouldDeadlock),
            libc::EBUSY => Ok(Locking::Busy),
            libc::ENOTRECOVERABLE => Ok(Locking::NotRecoverable),
            other => Err(io::Error::from_raw_os_error(other)),
        }
    }
}

impl SharedGuard<'_> {
    /// Says that what a dead holder left was mended.
    ///
    /// # Errors
    ///
    /// What the C library says.
    pub(crate) fn make_consistent(&self) -> io::Result<()> {
        // SAFETY: the memory is valid and holds a mutex, which this thread has locked.
        check(unsafe { libc::pthread_mutex_consistent(self.mutex.raw.as_ptr()) })
    }
}

impl Drop for SharedGuard<'_> {
    #[inline]
    fn drop(&mut self) {
        // In a child process the mutex is its parent's.
        if self.generation == process::generation() {
            // SAFETY: the memory is valid and holds a mutex, which this thread has locked: the guard is not `Send`.
            let _ = unsafe { libc::pthread_mutex_unlock(self.mutex.raw.as_ptr()) };
        }
    }
}

/// Returns the answer of a function that returns an error number.
fn check(answer: libc::c_int) -> io::Result<()> {
    if answer == 0 {
        Ok(())
    } else {
        Err(io::Error::from_raw_os_error(answer))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Memory with one mutex, at byte 320. It is never freed, as some tests leave the mutex locked.
    fn leaked() -> &'static Region {
        let region = Box::leak(Box::new(Region::private(4096).unwrap()));
        SharedMutex::at(region, 320).initialise().unwrap();
        region
    }

    #[test]
    fn a_mutex_is_one_persons_at_a_time() {
        let region = leaked();
        let mutex = || SharedMutex::at(region, 320);
        let guard = mutex().lock().unwrap();
        assert!(matches!(guard, Locking::Locked(_)));
        assert!(matches!(mutex().lock().unwrap(), Locking::WouldDeadlock));
        let again = mutex().try_lock().unwrap();
        assert!(matches!(again, Locking::WouldDeadlock | Locking::Busy));
        std::thread::scope(|scope| {
            let other = scope.spawn(|| matches!(mutex().try_lock().unwrap(), Locking::Busy));
            assert!(other.join().unwrap());
        });
        drop(guard);
        assert!(matches!(mutex().try_lock().unwrap(), Locking::Locked(_)));
    }

    #[test]
    fn the_death_of_the_holder_is_told_once_if_it_is_mended() {
        let region = leaked();
        let mutex = || SharedMutex::at(region, 320);
        std::thread::spawn(move || std::mem::forget(mutex().lock().unwrap()))
            .join()
            .unwrap();
        let Locking::OwnerDied(guard) = mutex().lock().unwrap() else {
            panic!("its thread has ended");
        };
        guard.make_consistent().unwrap();
        drop(guard);
        assert!(matches!(mutex().lock().unwrap(), Locking::Locked(_)));
    }

    #[test]
    fn what_nobody_mended_cannot_be_locked_any_more() {
        let region = leaked();
        let mutex = || SharedMutex::at(region, 320);
        std::thread::spawn(move || std::mem::forget(mutex().lock().unwrap()))
            .join()
            .unwrap();
        drop(mutex().lock().unwrap());
        assert!(matches!(mutex().lock().unwrap(), Locking::NotRecoverable));
    }
}
