"""Lexical cues of a sentence: small counts that stand beside its embedding.

A sentence embedding blurs exactly what a refusal turns on (negation, who speaks, modality), so each sentence also
gets one bit per cue. The cues are regular expressions over the lower-cased sentence, in English with the commonest
forms of Spanish, French, German and Chinese.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_PATTERNS: dict[str, str] = {
    "sorry": r"\b(sorry|apologi[sz]e|apologies|afraid|regret|unfortunately|lo siento|désolée?|leider|tut mir leid)\b|抱歉|对不起|遗憾",
    "i_cannot": r"\bi(?:'m| am)? (?:simply |just |really |also |still )?(?:can ?not|can't|cant|could not|couldn't|may not|unable|not able|not allowed|"
    r"not permitted|not in a position|not capable|not comfortable|not willing|not going to)\b|\bno puedo\b|\bje ne (?:peux|puis)\b|"
    r"\bich kann (?:das |dir |ihnen |dabei )*(?:leider )?nicht\b|我(?:不能|无法|不会|没办法)|无法(?:提供|协助|回答)",
    "i_will_not": r"\bi(?:'ll| will|'d| would|'m| am)? (?:not|never|won't|wouldn't|don't|do not|decline|refuse|rather not|must decline|"
    r"have to decline|prefer not)\b|\bi won't\b|\bnot something i\b|\bcount me out\b|\bno help (?:from|with)\b|\bno voy a\b|"
    r"\bje refuse\b|\bich (?:werde|möchte) (?:das |dir |ihnen |dabei )*nicht\b|我拒绝|恕",
    "we_cannot": r"\b(?:we|this (?:assistant|model|service|system)|the (?:assistant|model|narrator|author|policy))\b.{0,20}\b(?:cannot|can't|"
    r"won't|will not|unable|decline|refuse)",
    "not_do": r"\b(?:cannot|can't|won't|unable to|not able to|not going to|refuse to|decline to|never)\b.{0,24}\b(?:help|assist|provide|support|"
    r"give|offer|answer|write|describe|discuss|fulfil|fulfill|comply|engage|share|explain|advise|teach|tell|walk|guide|do (?:that|this)|"
    r"participate|generate|create|promote|condone|encourage|recommend)",
    "negation": r"\b(?:not|no|never|none|nor|neither|nothing|without|n't)\b|n't\b|\b(?:nicht|kein\w*|nunca|ningun\w*|jamais|pas)\b|[不没]",
    "first_person": r"\b(?:i|i'm|i'd|i'll|i've|my|me|we|our)\b|我",
    "as_an_ai": r"\bas an? (?:\w+ ){0,3}(?:ai|assistant|model)\b|\bi(?:'m| am)(?: just| only)? an? (?:\w+ ){0,3}(?:ai|assistant|model)\b|"
    r"language model|programmed|my (?:guidelines|purpose|policy|policies|training|programming)|als ki\b|como ia\b|作为",
    "inappropriate": r"\b(?:in|not )?appropriate|acceptable\b|\b(?:un|not )ethical|immoral|\bwrong\b|offensive|disrespectful|hateful|respectful",
    "illegal": r"\b(?:il|not )?legal|unlawful|\blaws?\b|\bcrimes?\b|criminal|against the law|prohibited|forbidden|prison|felony|offence|"
    r"\bilegal|\billégal|strafbar|verboten|gesetz|违法|非法|法律",
    "danger": r"\bdanger|hazard|\brisk|unsafe|\bharm(?:s|ful|ing)?\b|\bhurt|injur|fatal|deadly|lethal|toxic|poison|overdose|peligro|gefähr|"
    r"危险|伤害|风险",
    "caution": r"\bwarning\b|\bcaution\b|\bbeware\b|careful|be aware|\bsafely\b|\bsafety\b|responsib|\bconsent|permission|please note|important to "
    r"(?:note|remember|be|consider|respect|understand|keep)|remember that|keep in mind|bear in mind|disclaimer|avertissement|advertencia|"
    r"warnung|achtung|vorsicht|注意|警告|请勿",
    "must_not": r"\b(?:should|must|do|does|may|ought)(?: not|n't)\b|\bnever\b.{0,30}\b(?:use|do|try|take|touch|share)\b|\bplease (?:do not|don't)\b",
    "discrimination": r"discriminat|prejudic|stereotyp|\bequal|dignity|inclusi|human rights|bias|racis|sexis|harassment|intoleran|divers",
    "get_help": r"\b(?:seek|reach out|contact|call|consult|talk to|speak (?:to|with)|ring)\b.{0,60}\b(?:help|support|professional|doctor|police|"
    r"authorit|lawyer|therapist|counsel|hotline|helpline|line|service|pharmacist|trust|emergency)|\b988\b|hotline|helpline",
    "redirect": r"\binstead\b|\brather\b|happy to help|glad to help|\balternativ|\bhowever\b|if you (?:have|need|want|would like|are)|let's (?:talk|pick|"
    r"discuss|look|change)|another (?:topic|question|subject)|anything else",
    "cannot_see": r"\b(?:cannot|can't|unable to|not able to|don't|do not|couldn't|doesn't|didn't|no)\b.{0,20}\b(?:see|view|make out|tell|open|load|display|"
    r"image|picture|photo|attachment|identify|recogni[sz]e)|too (?:blurry|dark|small|blurred)|blurry|upload|re-?send|看不(?:清|到)|没有图",
    "describes": r"\b(?:the|this) (?:image|picture|photo|photograph|scene|drawing|painting|sign)\b|\b(?:shows|depicts|features|displays|portrays|contains|"
    r"captures|illustrates)\b|\bin the (?:background|foreground|center|centre)\b|图片|画面|bild zeigt|imagen muestra|image montre",
    "affirms": r"^\W*(?:sure|of course|certainly|absolutely|yes|yep|here(?:'s| is| are)|okay|ok|great|happy to|gladly|no problem|claro|por supuesto|"
    r"bien sûr|natürlich|klar|gerne|当然|好的)\b",
    "step": r"^\W*(?:step \d|\d{1,3}[.)] |first|second|third|next|then|finally|lastly|start|begin)\b",
    "second_person": r"\byou(?:r|'re|'ll)?\b|\busted|\bvous\b|\bdu\b|你|您",
    "question": r"\?\s*$|？\s*$",
    "quoted": r"[\"“”«»„].*[\"“”«»]|print\(|console\.|echo ",
}

CUE_NAMES = tuple(_PATTERNS)
_COMPILED = tuple(re.compile(p) for p in _PATTERNS.values())


def sentence_cues(sentences: Sequence[str]) -> NDArray[np.float32]:
    """(n,) sentences -> (n, len(CUE_NAMES)) float32 of 0 and 1."""
    out = np.zeros((len(sentences), len(_COMPILED)), dtype=np.float32)
    for row, sentence in enumerate(sentences):
        text = sentence.lower().replace("’", "'")
        for column, pattern in enumerate(_COMPILED):
            if pattern.search(text):
                out[row, column] = 1.0
    return out
