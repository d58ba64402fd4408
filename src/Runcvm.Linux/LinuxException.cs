using System.Runtime.InteropServices;

namespace Runcvm.Linux;

/// <summary>A system call failed. The message says what was tried and the kernel's reason.</summary>
public sealed class LinuxException : Exception
{
    /// <summary>Makes the exception for a failed attempt.</summary>
    /// <param name="errno">the kernel's reason</param>
    /// <param name="what">what was tried, as the beginning of a sentence</param>
    public LinuxException(Errno errno, string what)
        : base($"{what}: {Describe(errno)}")
    {
        Errno = errno;
    }

    /// <summary>Makes the exception for a failed attempt of which the kernel said more than a number.</summary>
    /// <param name="errno">the kernel's reason</param>
    /// <param name="what">what was tried, as the beginning of a sentence</param>
    /// <param name="detail">the kernel's own words</param>
    public LinuxException(Errno errno, string what, string detail)
        : base($"{what}: {Describe(errno)} ({detail})")
    {
        Errno = errno;
    }

    /// <summary>The kernel's reason.</summary>
    public Errno Errno { get; }

    /// <summary>The C library's words for <paramref name="errno"/>.</summary>
    public static string Describe(Errno errno) => Marshal.GetPInvokeErrorMessage((int)errno);
}
