using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Runcvm.Linux.Interop;

/// <summary>The one funnel through which results of system calls pass.</summary>
internal static class SystemCall
{
    /// <summary>Returns <paramref name="result"/>, or throws with the text of <paramref name="what"/>, which is
    /// formatted only in that case.</summary>
    internal static int Check(int result, [InterpolatedStringHandlerArgument(nameof(result))] ref Attempt what)
        => result >= 0 ? result : throw what.Failed();

    /// <summary>As the other overload, for calls that return a size or an address.</summary>
    internal static nint Check(nint result, [InterpolatedStringHandlerArgument(nameof(result))] ref Attempt what)
        => result >= 0 ? result : throw what.Failed();

    /// <summary>The calling thread's errno of the last call that failed.</summary>
    internal static Errno LastError => (Errno)Marshal.GetLastPInvokeError();
}

/// <summary>Describes a system call for the error message; costs nothing when the call succeeded.</summary>
[InterpolatedStringHandler]
internal ref struct Attempt
{
    private readonly Errno _errno;
    private DefaultInterpolatedStringHandler _text;

    public Attempt(int literalLength, int formattedCount, nint result, out bool failed)
    {
        failed = result < 0;
        if (!failed) return;
        _errno = SystemCall.LastError;
        _text = new DefaultInterpolatedStringHandler(literalLength, formattedCount);
    }

    public Attempt(int literalLength, int formattedCount, int result, out bool failed)
        : this(literalLength, formattedCount, (nint)result, out failed)
    {
    }

    public void AppendLiteral(string value) => _text.AppendLiteral(value);

    public void AppendFormatted<T>(T value) => _text.AppendFormatted(value);

    public void AppendFormatted<T>(T value, string? format) => _text.AppendFormatted(value, format);

    internal LinuxException Failed() => new(_errno, _text.ToStringAndClear());
}
