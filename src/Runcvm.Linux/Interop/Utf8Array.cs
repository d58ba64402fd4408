using System.Runtime.InteropServices;
using System.Text;

namespace Runcvm.Linux.Interop;

/// <summary>A <c>char *argv[]</c> outside the managed heap: strings in UTF-8, then a null pointer.</summary>
internal sealed unsafe class Utf8Array : IDisposable
{
    private readonly int _count;
    private byte** _items;

    internal Utf8Array(IReadOnlyList<string> strings)
    {
        _count = strings.Count;
        _items = (byte**)NativeMemory.AllocZeroed((nuint)(_count + 1), (nuint)sizeof(byte*));
        for (int i = 0; i < _count; i++) _items[i] = Copy(strings[i]);
    }

    internal byte** Pointer => _items;

    public void Dispose()
    {
        if (_items == null) return;
        for (int i = 0; i < _count; i++) NativeMemory.Free(_items[i]);
        NativeMemory.Free(_items);
        _items = null;
    }

    internal static byte* Copy(string text)
    {
        int length = Encoding.UTF8.GetByteCount(text);
        byte* copy = (byte*)NativeMemory.Alloc((nuint)length + 1);
        Encoding.UTF8.GetBytes(text, new Span<byte>(copy, length));
        copy[length] = 0;
        return copy;
    }
}
