using Runcvm.Fuzz;
using SharpFuzz;

if (args.Length == 0 || !Targets.All.TryGetValue(args[0], out Action<byte[]>? target))
{
    Console.Error.WriteLine(
        $"fuzz: name a target: {string.Join(", ", Targets.All.Keys)}; files after it are tried once each");
    return 2;
}

if (args.Length > 1)
{
    foreach (string file in args[1..]) target(File.ReadAllBytes(file));
    return 0;
}

// Under afl-fuzz: its inputs, one after the other. Whatever a target throws is a crash, of which AFL++ shows no words.
string? faults = Environment.GetEnvironmentVariable("RUNCVM_FUZZ_FAULTS");
Fuzzer.Run(stream =>
{
    using var copy = new MemoryStream();
    stream.CopyTo(copy);
    // SharpFuzz may read the first input before AFL++ has written it. A target that then runs through none of our code
    // would be taken for one without counters.
    byte[] input = copy.Length > 0 ? copy.ToArray() : new byte[64];
    try
    {
        target(input);
    }
    catch (Exception e) when (faults != null)
    {
        File.AppendAllText(faults, $"{e}\n");
        throw;
    }
});
return 0;
