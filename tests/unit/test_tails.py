"""Tails by special functions are those of `scipy.stats`."""

import numpy as np
from scipy import stats

from qml_dynamics.base.tails import binomial_sf, chi_square_sf, normal_isf, normal_sf, student_isf


def test_tails_are_those_of_scipy_stats() -> None:
    p = np.array([1e-300, 1e-30, 1e-3, 0.3, 0.5])
    x = np.array([0.0, 0.5, 4.0, 30.0])
    # both go through the same or equally exact special functions: a few last digits
    assert np.allclose(normal_isf(p), stats.norm.isf(p), rtol=1e-12)
    assert np.allclose(normal_sf(x), stats.norm.sf(x), rtol=1e-12)
    for degrees in (1, 7, 40):
        assert np.allclose(chi_square_sf(x, degrees), stats.chi2.sf(x, degrees), rtol=1e-12)
        assert np.allclose(student_isf(p[2:], degrees), stats.t.isf(p[2:], degrees), rtol=1e-11, atol=1e-12)
    for trials, chance in ((10, 0.3), (4000, 1e-4), (100_000, 2e-5)):
        count = np.array([-1, 0, 3, trials // 50, trials - 1, trials])
        ours, theirs = binomial_sf(count, trials, chance), stats.binom.sf(count, trials, chance)
        assert np.allclose(ours, theirs, rtol=1e-9, atol=1e-300)
        assert ours[0] == 1
        assert ours[-1] == 0
        assert 0 < ours[1] < 1
