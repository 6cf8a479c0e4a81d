using System.Security.Cryptography;
using System.Text;

namespace UnifiedMemory.Input;

/// <summary>What makes two memories the same one; in the database it is unique.</summary>
/// <param name="Namespace">The namespace.</param>
/// <param name="Hash">SHA-256 of all the rest, in hexadecimal digits.</param>
internal readonly record struct MemoryIdentity(string Namespace, string Hash)
{
    public byte[] HashBytes => Convert.FromHexString(Hash);

    public static MemoryIdentity Of(
        string @namespace, string type, string? agentId, string? sessionId, string? workflowId, byte[] contentHash)
    {
        // No text holds U+0000 and none is empty, so the joined text has one reading.
        var scope = string.Join('\0', type, agentId, sessionId, workflowId, Convert.ToHexStringLower(contentHash));
        return new MemoryIdentity(@namespace, Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(scope))));
    }
}
