"""Noise floor: an estimate of the entropy of a volume's noise, in bits per voxel.

Method ``spectral/1``. Noise is taken as Gaussian and stationary within patches of 8 x 16 x 16
voxels (z, y, x). By Kolmogorov's formula the variance of its best one-step prediction is the
exponential of the mean logarithm of its spectrum; a predictor needs the entropy of a rounded
Gaussian of that variance for each voxel, whatever the predictor is.

1. The volume is divided by the greatest common divisor of its values, and filtered with a causal
   linear predictor of 10 neighbours in the slice and 9 in the slice before, fitted once by least
   squares to the quieter three quarters of all patches. Only the spectrum of what is left has to be
   estimated: it is nearly flat, so a window neither leaks nor smears, and smooth anatomy is gone.
   What the filter itself does to the mean logarithm is computed from its transfer function and
   taken out again, so the filter need not be right.
2. Each patch of the filtered volume is windowed (half a sine along each axis) and transformed. The
   mean logarithm of its periodogram is corrected for the bias of a logarithm of a chi-square
   variable (Euler's gamma; more for the few real coefficients).
3. That gives the variance of the prediction error of the stored values. Rounding added 1/12 to it,
   which is subtracted; the entropy is that of a Gaussian of the rest, rounded, averaged over where
   its mean lies between two integers. Where the error is small (variance below 1/2) that mean
   matters, and where more than 5 % of a patch have its smallest or largest value (air in CT,
   clipped at 0) values are not Gaussian: there the entropy is that of the values found in the
   patch, less what their correlation explains (half the binary logarithm of their variance over
   the error's).
4. Edges and fine anatomy raise a patch's figure, noise does not fall below itself. So each patch
   counts with the lower quartile of the patches around it (3 x 5 x 5) in its own class, background
   or tissue (by Otsu's threshold on their means); what sampling alone makes of that quartile, known
   from white noise, is added. A patch without any variation costs nothing; flat parts of a patch
   that straddles the edge of a padded area cost nothing.

What it does not include: edges and anatomy, which a codec has to pay for too; noise that depends on
the signal within a patch; values that a scanner leaves out other than by a common divisor; noise
that is not Gaussian (Rician noise near 0 is close). Noise is not stationary, so a codec that adapts
faster than a patch may fall below the floor, and texture finer than a patch lifts it. It is an
estimate, and a bound in neither direction. On synthetic stationary noise of known entropy it is
right within 0.1 bit, on white noise within 0.03.
"""

from medzip.bench.noise_floor.entropy import rounded_entropy
from medzip.bench.noise_floor.estimate import METHOD, NoiseFloor, noise_floor

__all__ = ["METHOD", "NoiseFloor", "noise_floor", "rounded_entropy"]
