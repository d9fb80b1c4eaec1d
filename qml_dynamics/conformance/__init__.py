"""What every method must do, as a specification that runs: :func:`qml_dynamics.assert_valid_method`."""
