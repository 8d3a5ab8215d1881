"""Why a file is kept whole: one word, one true sentence and the remedy for each."""

from __future__ import annotations

__all__ = ["REASONS"]

REASONS = {
    "empty": "a file of no bytes; nothing to be done",
    "not-dicom": "neither DICM at byte 128 nor an element of group 2 or 8 at the start: no DICOM "
    "file; nothing to be done",
    "broken-header": "a DICOM header that cannot be read, or that gives the image no size; fetch "
    "the file again from where it came",
    "no-pixel-data": "DICOM without pixel data; nothing to be done, but if there should be some: "
    "fetch the file again from where it came",
    "deflated": "a deflated dataset, which this version does not inflate; archive it uncompressed "
    "(dcmconv +te) if it is large",
    "float-pixels": "float or double pixel data, which the voxel codec does not take; nothing to "
    "be done",
    "colour": "more than one sample a pixel, which the voxel codec does not take; nothing to be "
    "done",
    "unsupported-bits": "neither 8 nor 16 bits allocated, which the voxel codec does not take; "
    "nothing to be done",
    "oversized": "slices so large or high that coding one takes too much memory; nothing to be "
    "done",
    "too-many-frames": "more than 1,048,576 frames or fragments; split the file if it is to be "
    "coded",
    "out-of-proportion": "so many voxels in so few compressed bytes that decoding takes too long; "
    "look whether the file is what it should be",
    "truncated": "pixel data that end within a frame, or hold fewer than the header says; fetch "
    "the file again from where it came",
    "unknown-syntax": "a transfer syntax that this version does not know, or that is not the one "
    "of the pixel data; archive the file uncompressed if it is large",
    "lossy": "pixels compressed with loss; nothing to be done, they are small already",
    "unsupported-compression": "pixels compressed in a way that this version does not decode and "
    "encode again (JPEG 2000, HTJ2K, JPEG XL, RLE, deflated frames, JPEG with arithmetic coding); "
    "archive the file uncompressed (dcmdrle, gdcmconv --raw) if its bytes need not come back",
    "lossless-not-reproduced": "lossless JPEG or JPEG-LS whose bytes do not come back when it is "
    "decoded and encoded again (tried); archive the file uncompressed (dcmdjpeg, dcmdjpls) if its "
    "bytes need not come back",
    "encoder-changed": "JPEG-LS where the encoder that is installed gives other bytes than the one "
    "that archives are written with, so that the file might not come back elsewhere; install the "
    "version that `medzip doctor` names, and compress again",
}
"""By key, which is what reports count: what is so, and what to do about it."""
