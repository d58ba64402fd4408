using System.Net.Sockets;
using Runcvm.Oci;
using Runcvm.Tests.Images;

namespace Runcvm.Tests.Oci;

/// <summary>Entries as journald receives them.</summary>
public class JournalTests
{
    [Fact]
    public void An_entry_is_one_datagram_of_fields_and_values_of_several_lines_come_with_their_length()
    {
        using var folder = new TemporaryFolder();
        string path = folder.Path("socket");
        using var journal = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
        journal.Bind(new UnixDomainSocketEndPoint(path));
        Journal.Write(Journal.Error, "it failed", [("CONTAINER_ID", "abc"), ("RUNCVM_REASON", "a\nb")], path);
        byte[] entry = new byte[1024];
        int length = journal.Receive(entry);
        Assert.Equal(
            "MESSAGE=it failed\nPRIORITY=3\nSYSLOG_IDENTIFIER=runcvm\nCONTAINER_ID=abc\nRUNCVM_REASON\n\u0003\0\0\0\0\0\0\0a\nb\n",
            System.Text.Encoding.UTF8.GetString(entry, 0, length));
    }

    [Fact]
    public void Without_a_journal_nothing_happens() => Journal.Write(Journal.Info, "unheard", [], "/does/not/exist");
}
