//! The number of permits is settled once per process: so this test has a process of its own.

use riverrun_runner::Compute;

#[test]
fn the_number_of_permits_is_settled_once() {
    assert!(Compute::set_permits(3));

    assert!(!Compute::set_permits(5));
    assert_eq!(Compute::permits(), 3);
}
