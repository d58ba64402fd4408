using System.Text;
using Runcvm.Linux.Files;
using Microsoft.Win32.SafeHandles;
using Runcvm.Supervisor;

namespace Runcvm.Operating;

/// <summary>`runcvm console`</summary>
internal static class ConsoleVerb
{
    internal static int Run(string text, bool follow, bool raw)
    {
        KnownMachine machine = KnownMachine.Find(text);
        using var output = new SafeFileHandle(1, ownsHandle: false);
        // A character may come in two parts.
        Decoder decoder = Encoding.UTF8.GetDecoder();
        SupervisorSocket.WatchConsole(machine, follow, bytes => FileDescriptor.WriteAll(output, raw ? bytes : Clean(decoder, bytes)));
        return 0;
    }

    private static byte[] Clean(Decoder decoder, byte[] bytes)
    {
        char[] characters = new char[decoder.GetCharCount(bytes, flush: false)];
        int count = decoder.GetChars(bytes, characters, flush: false);
        return Encoding.UTF8.GetBytes(TextRing.Printable(new string(characters, 0, count)));
    }
}
