"""The compiled kernel; everything else stands in pyproject.toml.

It is optional: where no suitable compiler is found, the package installs without it and runs on numpy.
"""

from setuptools import Extension, setup
from setuptools.command.bdist_wheel import bdist_wheel

SOURCE = "src/gamma_flow/numerics/_kernel.cpp"


class Wheel(bdist_wheel):
    """One wheel for all Python versions from 3.11 on, because the kernel uses the limited API."""

    def finalize_options(self) -> None:
        """Name the oldest Python that the wheel runs on."""
        if self.distribution.has_ext_modules():
            self.py_limited_api = "cp311"
        super().finalize_options()


setup(
    ext_modules=[
        Extension(
            "gamma_flow.numerics._kernel",
            [SOURCE],
            define_macros=[("Py_LIMITED_API", "0x030b0000")],
            py_limited_api=True,
            optional=True,
            language="c++",
            extra_compile_args=[
                "-O3",
                "-std=c++17",
                "-ffp-contract=fast",
                "-fno-math-errno",
                "-fvisibility=hidden",
                "-Wno-psabi",
                "-pthread",
            ],
            extra_link_args=["-pthread"],
        )
    ],
    cmdclass={"bdist_wheel": Wheel},
)
