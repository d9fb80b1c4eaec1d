"""Cases that take more than three seconds each beside shorter ones of the same kind: they run with the long studies."""

from __future__ import annotations

LONG = (
    "matrix/test_asked.py::test_the_default_method_runs_wherever_a_problem_can_be_stated[walls-classical]",
    "unit/test_wells.py::test_a_narrow_well_that_no_coarser_grid_shows_is_found[1.23-periodic]",
    "order/test_orders.py::test_resolution_floor_is_seen_where_the_wave_leaves_its_box",
    "order/test_orders.py::test_declared_order_holds_in_more_dimensions[3-2-walls-real]",
    "order/test_orders.py::test_declared_order_holds_in_more_dimensions[3-2-walls-imaginary]",
    "order/test_orders.py::test_declared_order_holds_in_more_dimensions[3-2-periodic-real]",
    "order/test_orders.py::test_chin_is_of_order_four_where_wave_and_momenta_are_resolved[geometric-walls-real]",
    "unit/test_annealing_face.py::test_the_narrow_well_of_the_gallery",
    "analytic/test_theory_annealing.py::test_counter_example",
    "analytic/test_theory_annealing.py::test_two_weights_cross_too",
    "analytic/test_theory_annealing.py::test_portfolio_finds_the_deep_well[160-True-0.1-7]",
    "analytic/test_theory_annealing.py::test_portfolio_finds_the_deep_well[160-False-0.12-7]",
    "unit/ensembles/test_fit.py::test_planted_values_come_back[history double well]",
    "unit/variational/test_measured.py::test_the_bound_is_above_the_true_angle_and_names_the_shots[imaginary]",
    "unit/reference/test_krylov.py::test_quantum_descent_with_its_steep_start",
    "unit/growth/test_joint.py::test_growing_both_reaches_the_exact_wave_with_the_angles_that_a_fine_start_fails_with[start0]",
    "unit/growth/test_patches.py::test_a_window_that_follows_a_moving_packet_takes_no_more_qubits[periodic]",
    "unit/variational/test_bound.py::test_bound_above_the_true_angle[real-25]",
    "unit/variational/test_bound.py::test_bound_above_the_true_angle[imaginary-25]",
    "unit/variational/test_train.py::test_the_gradient_and_the_metric_are_those_of_the_loss[cross_entropy]",
    "unit/backends/test_midway.py::test_probabilistic_steps_reuse_their_ancilla_on_an_ibm_device[ibm:fake_manila]",
    "conformance/test_conformance.py::test_named_backends[aer:noise=fake_manila]",
    "cross/test_measured_backends.py::test_noiseless_backends_agree_within_shot_noise[shift-ibm:aer]",
    "gallery/test_gallery.py::test_a_changed_angle_is_found_where_a_program_has_its_own_builder[grown_double_well-grown_8_steps.qasm]",
    "unit/ensembles/test_circuits.py::test_programs_with_builders_of_their_own_are_checked",
)
